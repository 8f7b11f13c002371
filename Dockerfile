# The agent in a container: docs/docker.md. What ./uio2 does outside, it does in here.
ARG ROS_DISTRO=jazzy
FROM ros:${ROS_DISTRO}-ros-base

# VARIANT is cpu or cuda; TORCH_INDEX a package index that has the build of torch wanted.
ARG VARIANT=cpu
ARG TORCH_VERSION=2.13.0
ARG TORCH_INDEX=""

SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# What ./uio2 would ask to install, and the originals of the message packages in compat/.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        g++ \
        libegl1 \
        libgl1-mesa-dri \
        libportaudio2 \
        make \
        python3-dev \
        python3-venv \
        "ros-${ROS_DISTRO}-control-msgs" \
        "ros-${ROS_DISTRO}-nav2-msgs" \
        "ros-${ROS_DISTRO}-tf2-msgs" \
        "ros-${ROS_DISTRO}-vision-msgs" \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/uio2_ros
COPY . .

RUN --mount=type=cache,target=/root/.cache/pip \
    case "${VARIANT}" in \
        cpu) export UIO2_TORCH_SPEC="torch==${TORCH_VERSION}+cpu" ;; \
        cuda) export UIO2_TORCH_SPEC="torch==${TORCH_VERSION}" ;; \
        *) echo "VARIANT is ${VARIANT}; give cpu or cuda" >&2; exit 1 ;; \
    esac \
    && export UIO2_TORCH_INDEX="${TORCH_INDEX}" \
    && source "/opt/ros/${ROS_DISTRO}/setup.bash" \
    && ./uio2 --yes env > environment.sh

# The NVIDIA container toolkit looks at these; without a GPU they mean nothing.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

# Commands are those of ./uio2. The set-up above is final: nothing is installed when one starts.
ENTRYPOINT ["/ros_entrypoint.sh", "bash", "-c", "source /opt/uio2_ros/environment.sh && exec python -m uio2_ros.cli \"$@\"", "uio2"]
CMD ["up"]
