# Stands in for a Slicer build tree, so that the extension's CMakeLists.txt configure, stage and test where Slicer is not
# installed: find_package(Slicer) finds this file when no Slicer_DIR is given. It knows what scripted modules ask for and
# nothing else; anything more ends the configuration with CMake's own "unknown command".
#
#   SlicerHost_PYTHON        the Python that runs the tests; left out, that of .venv
#   SlicerHost_TEST_TIMEOUT  seconds after which a test counts as failed

if(CMAKE_VERSION VERSION_LESS 3.16.3)
  message(FATAL_ERROR "The Slicer stand-in needs CMake 3.16.3 or newer, this is ${CMAKE_VERSION}.")
endif()

set(SlicerHost_DIR "${CMAKE_CURRENT_LIST_DIR}/..")
get_filename_component(SlicerHost_DIR "${SlicerHost_DIR}" ABSOLUTE)

find_program(SlicerHost_PYTHON
  NAMES python python3
  PATHS "${PROJECT_SOURCE_DIR}/.venv/bin" "${PROJECT_SOURCE_DIR}/.venv/Scripts"
  NO_DEFAULT_PATH
  DOC "Python with the packages of requirements-host.txt"
  )
if(NOT SlicerHost_PYTHON)
  message(FATAL_ERROR
    "No .venv with the test host's packages. Run `make setup`, or name a Python: -DSlicerHost_PYTHON=/path/to/python")
endif()
set(SlicerHost_TEST_TIMEOUT 600 CACHE STRING "Seconds after which a test on the host counts as failed")

set(SlicerHost_ENVIRONMENT OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1)
if(CMAKE_HOST_SYSTEM_NAME STREQUAL Linux)
  # No X server: Qt paints into memory, and VTK renders through EGL.
  list(APPEND SlicerHost_ENVIRONMENT QT_QPA_PLATFORM=offscreen VTK_DEFAULT_OPENGL_WINDOW=vtkEGLRenderWindow)
endif()

set(Slicer_VERSION_MAJOR 5)
set(Slicer_VERSION_MINOR 13)
set(Slicer_VERSION "${Slicer_VERSION_MAJOR}.${Slicer_VERSION_MINOR}")
# Tells the extension's own lists that this is not a Slicer build tree.
set(Slicer_IS_STAND_IN TRUE)
set(Slicer_USE_PYTHONQT ON)
set(Slicer_LAUNCHER_EXECUTABLE "${SlicerHost_PYTHON}" "${SlicerHost_DIR}/launcher.py")

set(Slicer_USE_FILE "${CMAKE_CURRENT_LIST_DIR}/UseSlicer.cmake")
set(Slicer_EXTENSION_GENERATE_CONFIG "${CMAKE_CURRENT_LIST_DIR}/SlicerExtensionGenerateConfig.cmake")
set(Slicer_EXTENSION_CPACK "${CMAKE_CURRENT_LIST_DIR}/SlicerExtensionCPack.cmake")
set(Slicer_PYTHON_MODULE_TEST_TEMPLATES_DIR "${CMAKE_CURRENT_LIST_DIR}")

# Where modules lie below a build tree and below an installation.
set(Slicer_LIB_DIR "lib/Slicer-${Slicer_VERSION}")
foreach(kind IN ITEMS CLI QTLOADABLE QTSCRIPTED)
  string(TOLOWER "${kind}" folder)
  string(REGEX REPLACE "^qt" "qt-" folder "${folder}")
  set(Slicer_${kind}MODULES_LIB_DIR "${Slicer_LIB_DIR}/${folder}-modules")
  set(Slicer_INSTALL_${kind}MODULES_LIB_DIR "${Slicer_LIB_DIR}/${folder}-modules")
endforeach()
