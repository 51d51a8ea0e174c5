# slicer_add_python_unittest and slicer_add_python_test: a test is one process of the host, started with the arguments
# that Slicer's launcher would get.

# Adds "--additional-module-paths" and the folders of this build to the list of launcher arguments named, but for the
# kinds of modules that the list turns off.
function(_slicer_host_add_module_paths arguments_name)
  set(arguments ${${arguments_name}})
  if("--disable-modules" IN_LIST arguments)
    return()
  endif()
  set(folders)
  foreach(kind IN ITEMS QTSCRIPTED:scripted-loadable CLI:cli QTLOADABLE:loadable)
    string(REGEX MATCH "^([^:]+):(.+)$" _ "${kind}")
    if(NOT "--disable-${CMAKE_MATCH_2}-modules" IN_LIST arguments)
      list(APPEND folders "${CMAKE_BINARY_DIR}/${Slicer_${CMAKE_MATCH_1}MODULES_LIB_DIR}")
    endif()
  endforeach()
  if(folders)
    list(APPEND arguments --additional-module-paths ${folders})
  endif()
  set(${arguments_name} ${arguments} PARENT_SCOPE)
endfunction()

# Adds the test `name`: the host with "--no-splash --testing" and further arguments.
function(_slicer_host_add_test name)
  add_test(NAME "${name}" COMMAND ${Slicer_LAUNCHER_EXECUTABLE} --no-splash --testing ${ARGN})
  set_tests_properties("${name}" PROPERTIES
    ENVIRONMENT "${SlicerHost_ENVIRONMENT}"
    # A file whose tests were not found proves nothing, although unittest calls it a success.
    FAIL_REGULAR_EXPRESSION "Ran 0 tests"
    # One at a time, since each takes all cores at moments; the library's tests may run beside them.
    RESOURCE_LOCK SlicerHost
    TIMEOUT ${SlicerHost_TEST_TIMEOUT}
    )
endfunction()

# slicer_add_python_unittest(SCRIPT <file> [TESTNAME_PREFIX <text>] [SLICER_ARGS <argument>...])
#
# Runs the TestCases of a Python file found in the current source or binary folder.
function(slicer_add_python_unittest)
  cmake_parse_arguments(PARSE_ARGV 0 TEST "" "TESTNAME_PREFIX;SCRIPT" "SLICER_ARGS")
  _slicer_host_check_test_arguments("${CMAKE_CURRENT_BINARY_DIR}")
  get_filename_component(name "${TEST_SCRIPT}" NAME_WE)
  get_filename_component(folder "${TEST_SCRIPT}" DIRECTORY)
  if(NOT folder)
    set(folder "${CMAKE_CURRENT_SOURCE_DIR}")
  endif()
  _slicer_host_add_module_paths(TEST_SLICER_ARGS)
  set(folders "['${CMAKE_CURRENT_BINARY_DIR}', '${folder}']")
  # The semicolon is escaped, as the arguments go on as a list.
  _slicer_host_add_test("py_${TEST_TESTNAME_PREFIX}${name}" ${TEST_SLICER_ARGS}
    --python-code "import slicer.testing\\; slicer.testing.runUnitTest(${folders}, '${name}')"
    )
endfunction()

# slicer_add_python_test(SCRIPT <file> [TESTNAME_PREFIX <text>] [SLICER_ARGS <argument>...] [SCRIPT_ARGS <argument>...])
#
# Runs a Python script in the host; it fails by raising, or by leaving with another exit status than 0.
function(slicer_add_python_test)
  cmake_parse_arguments(PARSE_ARGV 0 TEST "" "TESTNAME_PREFIX;SCRIPT" "SLICER_ARGS;SCRIPT_ARGS")
  _slicer_host_check_test_arguments("")
  get_filename_component(name "${TEST_SCRIPT}" NAME_WE)
  get_filename_component(script "${TEST_SCRIPT}" ABSOLUTE)
  _slicer_host_add_module_paths(TEST_SLICER_ARGS)
  _slicer_host_add_test("py_${TEST_TESTNAME_PREFIX}${name}" ${TEST_SLICER_ARGS}
    --python-script "${script}" ${TEST_SCRIPT_ARGS}
    )
endfunction()

# Ends the configuration when a call's arguments are not of its kind, or its script is neither in the source folder nor
# in the further folder given.
macro(_slicer_host_check_test_arguments generated_folder)
  if(TEST_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "A test was given arguments that Slicer does not know: ${TEST_UNPARSED_ARGUMENTS}")
  endif()
  get_filename_component(_path "${TEST_SCRIPT}" ABSOLUTE)
  if(NOT TEST_SCRIPT OR (NOT EXISTS "${_path}" AND NOT EXISTS "${generated_folder}/${TEST_SCRIPT}"))
    message(FATAL_ERROR "The test script '${TEST_SCRIPT}' does not exist in ${CMAKE_CURRENT_SOURCE_DIR}.")
  endif()
endmacro()
