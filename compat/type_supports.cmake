# generate_interfaces(): rosidl_generate_interfaces() for the packages of this checkout.
#
# With PYTHON_OVER_FASTDDS_ONLY (./uio2 sets it for the ROS 2 wheels, which have no other
# middleware and no C++) only what rclpy loads over Fast DDS is made, each library compiled as one
# file where its sources allow that. Otherwise, and so in every workspace with a sourced ROS 2, all
# generators run as usual.
option(PYTHON_OVER_FASTDDS_ONLY "Generate only the type supports that rclpy uses with Fast DDS" OFF)

macro(generate_interfaces)
  if(PYTHON_OVER_FASTDDS_ONLY)
    set(used rosidl_generator_type_description rosidl_generator_c rosidl_generator_py
      rosidl_typesupport_c rosidl_typesupport_fastrtps_c
      rosidl_typesupport_introspection_c)  # asked for first; without it rcutils complains aloud
    list(JOIN used "|" used)
    # Finding the dependencies' packages has registered every generator there is.
    list(FILTER AMENT_EXTENSIONS_rosidl_generate_idl_interfaces INCLUDE REGEX "^(${used}):")
  endif()
  rosidl_generate_interfaces(${PROJECT_NAME} ${ARGN})
  if(PYTHON_OVER_FASTDDS_ONLY)
    foreach(library rosidl_typesupport_c rosidl_typesupport_fastrtps_c rosidl_generator_py)
      set_target_properties(${PROJECT_NAME}__${library} PROPERTIES
        UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
    endforeach()
  endif()
endmacro()
