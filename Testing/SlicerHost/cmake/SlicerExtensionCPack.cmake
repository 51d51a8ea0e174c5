# Checks what Slicer would refuse when it packages the extension.

foreach(name IN ITEMS HOMEPAGE CONTRIBUTORS DESCRIPTION ICONURL SCREENSHOTURLS DEPENDS)
  if("${EXTENSION_${name}}" STREQUAL "")
    message(FATAL_ERROR "EXTENSION_${name} is not set.")
  endif()
endforeach()
foreach(name IN ITEMS LICENSE README)
  set(file "${EXTENSION_${name}_FILE}")
  if(NOT EXISTS "${file}" OR IS_DIRECTORY "${file}")
    message(FATAL_ERROR "EXTENSION_${name}_FILE names '${file}', which is no file.")
  endif()
endforeach()
