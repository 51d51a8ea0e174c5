# slicerMacroBuildScriptedModule(NAME <module> SCRIPTS <file>... [RESOURCES <file>...]
#                                [WITH_GENERIC_TESTS] [WITH_SUBDIR] [VERBOSE])
#
# Stages exactly the files listed, with their sub-folders, in this build's folder of scripted modules, from where tests
# load them and an installation takes them. A file that is not listed is missing there, as it would be in the package.

function(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(PARSE_ARGV 0 MODULE "WITH_GENERIC_TESTS;WITH_SUBDIR;VERBOSE" "NAME" "SCRIPTS;RESOURCES")
  if(MODULE_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "Unknown keywords given to slicerMacroBuildScriptedModule: ${MODULE_UNPARSED_ARGUMENTS}")
  elseif(NOT MODULE_NAME OR NOT MODULE_SCRIPTS)
    message(FATAL_ERROR "slicerMacroBuildScriptedModule needs NAME and SCRIPTS.")
  endif()
  message(STATUS "Configuring scripted module ${MODULE_NAME}")

  set(folder "${CMAKE_BINARY_DIR}/${Slicer_QTSCRIPTEDMODULES_LIB_DIR}")
  if(MODULE_WITH_SUBDIR)
    get_filename_component(subfolder "${CMAKE_CURRENT_SOURCE_DIR}" NAME)
    string(APPEND folder "/${subfolder}")
  endif()
  foreach(script IN LISTS MODULE_SCRIPTS)
    # Slicer's macro allows a script's name without its ending.
    if(NOT script MATCHES "\\.py$")
      string(APPEND script ".py")
    endif()
    _slicer_host_stage("${script}" "${folder}")
  endforeach()
  foreach(resource IN LISTS MODULE_RESOURCES)
    _slicer_host_stage("${resource}" "${folder}")
  endforeach()
  if(MODULE_VERBOSE)
    message(STATUS "  SCRIPTS: ${MODULE_SCRIPTS}\n  RESOURCES: ${MODULE_RESOURCES}\n  staged in ${folder}")
  endif()
  install(
    DIRECTORY "${CMAKE_BINARY_DIR}/${Slicer_QTSCRIPTEDMODULES_LIB_DIR}/"
    DESTINATION "${Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR}"
    COMPONENT RuntimeLibraries
    )

  if(BUILD_TESTING AND MODULE_WITH_GENERIC_TESTS)
    set(generic_test "qSlicer${MODULE_NAME}ModuleGenericTest.py")
    string(TOLOWER "${MODULE_NAME}" MODULE_NAME_LOWER)
    configure_file(
      "${Slicer_PYTHON_MODULE_TEST_TEMPLATES_DIR}/qSlicerModuleGenericTest.py.in"
      "${CMAKE_CURRENT_BINARY_DIR}/${generic_test}"
      @ONLY
      )
    slicer_add_python_unittest(
      SCRIPT ${generic_test}
      TESTNAME_PREFIX nomainwindow_
      SLICER_ARGS --no-main-window --disable-cli-modules
                  --additional-module-path ${CMAKE_BINARY_DIR}/${Slicer_QTSCRIPTEDMODULES_LIB_DIR}
      )
  endif()
endfunction()

# Copies one listed file below `folder` under its own sub-folders; again whenever it has changed.
function(_slicer_host_stage file folder)
  set(source "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
  if(IS_ABSOLUTE "${file}" OR file MATCHES "(^|/)\\.\\./")
    message(FATAL_ERROR "'${file}' is listed from outside the module's folder: Slicer would not package it.")
  elseif(NOT EXISTS "${source}" OR IS_DIRECTORY "${source}")
    message(FATAL_ERROR "slicerMacroBuildScriptedModule lists '${file}', which is no file of ${CMAKE_CURRENT_SOURCE_DIR}.")
  endif()
  configure_file("${source}" "${folder}/${file}" COPYONLY)
endfunction()
