"""From a `SceneSpec` to a MuJoCo model: bodies, tools, surfaces, lights and cameras."""

from __future__ import annotations

from typing import Any

import numpy as np

from uio2_ros.sim.appearance import RGB, TEXTURE_SIZE, Rgb, texture
from uio2_ros.sim.cameras import quaternion_of, view_of
from uio2_ros.sim.mujoco_egl import mujoco
from uio2_ros.sim.shapes import Form, Part, Solid, form, lathe_mesh
from uio2_ros.sim.spec import CameraSpec, LightSpec, ObjectSpec, Place, SceneSpec, Shape

TIMESTEP_S = 0.004
ROOM_SIZE_M = 5.0
WALL_HEIGHT_M = 1.6
ROOM_MAGNIFICATION = 9.0  # what is a cup on the table is a piece of furniture in the room
TABLE_X_M = (0.14, 0.86)
TABLE_Y_M = (-0.6, 0.6)
FLOOR_Z_M = -0.72
SHADOW_PIXELS = 1024
SAMPLES_PER_PIXEL = 4

SEEN_GROUP, SOLID_GROUP = 0, 3  # what is drawn, and what only collides

TOOL_BODY, CUP_GEOM, STEM_GEOM = "tool", "cup", "stem"
PADDLE_GEOMS = ("paddle", "left lip", "right lip")
TOOL_JOINTS = ("tool x", "tool y", "tool z", "tool yaw")
BASE_BODY = "base"
BASE_JOINTS = ("base x", "base y", "base yaw")
PADDLE_HALF_WIDTH_M = 0.05
PADDLE_FACE_M = 0.016  # before the cup

_TYPES = {
    Solid.BOX: mujoco.mjtGeom.mjGEOM_BOX,
    Solid.CYLINDER: mujoco.mjtGeom.mjGEOM_CYLINDER,
    Solid.CAPSULE: mujoco.mjtGeom.mjGEOM_CAPSULE,
    Solid.SPHERE: mujoco.mjtGeom.mjGEOM_SPHERE,
}


def magnification(place: Place) -> float:
    """How much larger than on the table objects are."""
    return ROOM_MAGNIFICATION if place is Place.ROOM else 1.0


def build_model(scene: SceneSpec, samples_per_pixel: int = SAMPLES_PER_PIXEL) -> Any:
    """The compiled `mujoco.MjModel`. Equal scenes give equal models.

    0 samples per pixel draw twice as fast as 4, with jagged edges.
    """
    spec = mujoco.MjSpec()
    _configure(spec, scene)
    spec.visual.quality.offsamples = samples_per_pixel
    _add_surface(spec, "top", scene)
    _add_surface(spec, "floor", scene)
    if scene.place is Place.TABLE:
        _add_table(spec, scene)
        _add_tool(spec, scene)
        for camera in scene.cameras:
            _add_camera(spec.worldbody, camera)
    else:
        _add_room(spec)
        _add_base(spec, scene)
    for thing in scene.objects:
        _add_object(spec, thing, scene.place)
    for number, light in enumerate(scene.lights):
        _add_light(spec, f"light {number}", light, scene.place)
    return spec.compile()


def _configure(spec: Any, scene: SceneSpec) -> None:
    table = scene.place is Place.TABLE
    spec.option.timestep = TIMESTEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 5.0
    spec.stat.extent = 1.0 if table else 4.0
    spec.stat.center = (0.5, 0.0, 0.0) if table else (0.0, 0.0, 0.3)
    spec.visual.map.znear = 0.05 if table else 0.02
    spec.visual.map.zfar = 10.0
    spec.visual.map.shadowclip = 1.0
    spec.visual.quality.shadowsize = SHADOW_PIXELS
    spec.visual.headlight.ambient = (0.35, 0.35, 0.35)
    spec.visual.headlight.diffuse = (0.26, 0.26, 0.26)
    spec.visual.headlight.specular = (0.0, 0.0, 0.0)
    spec.visual.global_.offwidth = max(camera.model.width for camera in scene.cameras)
    spec.visual.global_.offheight = max(camera.model.height for camera in scene.cameras)


def _add_surface(spec: Any, name: str, scene: SceneSpec) -> None:
    surface = scene.top_surface if name == "top" else scene.floor_surface
    picture = spec.add_texture(
        name=name,
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        width=TEXTURE_SIZE,
        height=TEXTURE_SIZE,
        nchannel=3,
    )
    picture.data = texture(surface).tobytes()
    material = spec.add_material(name=name, specular=0.1, shininess=0.1, reflectance=0.0)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    material.texuniform = True
    material.texrepeat = (1.6, 1.6) if scene.place is Place.TABLE else (0.8, 0.8)


def _add_table(spec: Any, scene: SceneSpec) -> None:
    (x1, x2), (y1, y2) = TABLE_X_M, TABLE_Y_M
    world = spec.worldbody
    _static(world, "floor", mujoco.mjtGeom.mjGEOM_PLANE, (4, 4, 0.1), (0.5, 0, FLOOR_Z_M), "floor")
    half = ((x2 - x1) / 2, (y2 - y1) / 2, 0.02)
    middle = ((x1 + x2) / 2, (y1 + y2) / 2, -0.02)
    _static(world, "table", mujoco.mjtGeom.mjGEOM_BOX, half, middle, "top")
    world.add_geom(  # in the table's place, and far enough below its top not to speckle it
        name="shade",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=(half[0] - 0.002, half[1] - 0.002, 0.002),
        pos=(middle[0], middle[1], -0.035),
        contype=0,
        conaffinity=0,
        group=SEEN_GROUP,
    )
    for number, (x, y) in enumerate(((x1, y1), (x1, y2), (x2, y1), (x2, y2))):
        leg = (0.025, 0.025, -FLOOR_Z_M / 2 - 0.02)
        inset = (x + (0.04 if x == x1 else -0.04), y + (0.04 if y == y1 else -0.04))
        at = (*inset, FLOOR_Z_M / 2 - 0.02)
        _static(world, f"leg {number}", mujoco.mjtGeom.mjGEOM_BOX, leg, at, "top")
    if scene.line is not None:
        world.add_geom(
            name="line",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=(scene.line.width_m / 2, 0.5, 0.0004),
            pos=(scene.line.x, 0, 0.0004),
            rgba=(*RGB[scene.line.colour], 1),
            contype=0,
            conaffinity=0,
            group=SEEN_GROUP,
            castshadow=False,
        )


def _static(body: Any, name: str, kind: Any, size: Any, position: Any, material: str) -> None:
    body.add_geom(
        name=name,
        type=kind,
        size=size,
        pos=position,
        material=material,
        friction=(0.8, 0.005, 2e-4),
        castshadow=False,  # large and flat, it would shadow itself with noise
    )


def _add_room(spec: Any) -> None:
    half, tall = ROOM_SIZE_M / 2, WALL_HEIGHT_M / 2
    world = spec.worldbody
    _static(world, "floor", mujoco.mjtGeom.mjGEOM_PLANE, (half, half, 0.1), (0, 0, 0), "floor")
    walls = (
        ("far wall", (0.05, half, tall), (half, 0, tall)),
        ("near wall", (0.05, half, tall), (-half, 0, tall)),
        ("left wall", (half, 0.05, tall), (0, half, tall)),
        ("right wall", (half, 0.05, tall), (0, -half, tall)),
    )
    for name, size, position in walls:
        _static(world, name, mujoco.mjtGeom.mjGEOM_BOX, size, position, "top")
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=(0.78, 0.84, 0.9),
        rgb2=(0.9, 0.9, 0.9),
        width=64,
        height=64,
    )


def _add_tool(spec: Any, scene: SceneSpec) -> None:
    """Suction cup and paddle on a gantry of three slides and a turn; its frame is the cup's tip."""
    tool = spec.worldbody.add_body(name=TOOL_BODY, gravcomp=1.0)
    slide, hinge = mujoco.mjtJoint.mjJNT_SLIDE, mujoco.mjtJoint.mjJNT_HINGE
    axes = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 1))
    for name, axis in zip(TOOL_JOINTS, axes, strict=True):
        kind = hinge if name.endswith("yaw") else slide
        tool.add_joint(name=name, type=kind, axis=axis, armature=0.5 if kind == slide else 0.01)
        _servo(spec, name, *((8000.0, 180.0) if kind == slide else (120.0, 3.0)))
    cylinder, dark = mujoco.mjtGeom.mjGEOM_CYLINDER, (0.13, 0.13, 0.15, 1)
    tool.add_geom(
        name=CUP_GEOM, type=cylinder, size=(0.008, 0.006, 0), pos=(0, 0, 0.006), mass=0.1, rgba=dark
    )
    tool.add_geom(
        name=STEM_GEOM,
        type=cylinder,
        size=(0.006, 0.2, 0),
        pos=(0, 0, 0.212),
        mass=0.4,
        rgba=(0.62, 0.64, 0.67, 1),
    )
    lip = (0.01, 0.003, 0.025)
    for name, size, position in (
        (PADDLE_GEOMS[0], (0.004, PADDLE_HALF_WIDTH_M, 0.025), (PADDLE_FACE_M - 0.004, 0, 0.025)),
        (PADDLE_GEOMS[1], lip, (PADDLE_FACE_M, PADDLE_HALF_WIDTH_M, 0.025)),
        (PADDLE_GEOMS[2], lip, (PADDLE_FACE_M, -PADDLE_HALF_WIDTH_M, 0.025)),
    ):
        tool.add_geom(
            name=name,
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=size,
            pos=position,
            mass=0.03,
            rgba=(0.62, 0.64, 0.67, 0),
            friction=(0.05, 0.005, 1e-4),  # slippery: what it pushes turns its flat side to it
            priority=1,
        )
    for thing in scene.objects:
        spec.add_equality(
            name=thing.name,
            type=mujoco.mjtEq.mjEQ_WELD,
            objtype=mujoco.mjtObj.mjOBJ_BODY,
            name1=TOOL_BODY,
            name2=thing.name,
            active=False,
            solref=(0.01, 1.0),
        )


def _servo(spec: Any, joint: str, stiffness: float, damping: float) -> None:
    servo = spec.add_actuator(name=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT, target=joint)
    servo.set_to_position(kp=stiffness, kv=damping)


def _add_base(spec: Any, scene: SceneSpec) -> None:
    """A round base on two slides and a turn, with its camera."""
    base = spec.worldbody.add_body(name=BASE_BODY, gravcomp=1.0)
    slide, hinge = mujoco.mjtJoint.mjJNT_SLIDE, mujoco.mjtJoint.mjJNT_HINGE
    for name, axis in zip(BASE_JOINTS, ((1, 0, 0), (0, 1, 0), (0, 0, 1)), strict=True):
        kind = hinge if name.endswith("yaw") else slide
        base.add_joint(name=name, type=kind, axis=axis)
        _servo(spec, name, *((20000.0, 1000.0) if kind == slide else (2000.0, 60.0)))
    base.add_geom(
        name="base",
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=(0.2, 0.15, 0),
        pos=(0, 0, 0.17),
        mass=10,
        rgba=(0.2, 0.2, 0.22, 1),
        friction=(0.01, 0.005, 1e-4),
    )
    for camera in scene.cameras:
        _add_camera(base, camera)


def _add_camera(body: Any, camera: CameraSpec) -> None:
    view = view_of(camera)
    axes = view.rotation * np.array([1.0, -1.0, -1.0])  # MuJoCo: x right, y up, z backward
    model = camera.model
    added = body.add_camera(name=camera.name, pos=camera.position, quat=quaternion_of(axes))
    added.resolution = (model.width, model.height)
    added.sensor_size = (1e-5 * model.width, 1e-5 * model.height)
    added.focal_pixel = (model.fx, model.fy)
    added.principal_pixel = (
        (model.width - 1) / 2 - model.cx,  # MuJoCo moves the picture, not the point
        (model.height - 1) / 2 - model.cy,
    )


def _add_object(spec: Any, thing: ObjectSpec, place: Place) -> None:
    shape = form(thing.shape, thing.size, magnification(place))
    pose = thing.pose
    body = spec.worldbody.add_body(
        name=thing.name,
        pos=(pose.x, pose.y, pose.z),
        quat=(np.cos(pose.yaw / 2), 0, 0, np.sin(pose.yaw / 2)),
    )
    if place is Place.TABLE:
        body.add_freejoint(name=thing.name)
    rgb = RGB[thing.colour]
    if shape.lathe is not None:
        _add_mesh(spec, body, thing.name, shape, rgb)
    for part in shape.seen:
        _add_part(body, part, rgba=(*_accent(thing.shape, rgb), 1), group=SEEN_GROUP, solid=False)
    mass = shape.mass_kg / len(shape.solid)
    for part in shape.solid:
        _add_part(body, part, rgba=(*rgb, 1), group=SOLID_GROUP, solid=True, mass=mass)


def _accent(shape: Shape, rgb: Rgb) -> Rgb:
    """A bottle's cap is darker than the bottle; everything else has one colour."""
    red, green, blue = rgb
    return (0.65 * red, 0.65 * green, 0.65 * blue) if shape is Shape.BOTTLE else rgb


def _add_mesh(spec: Any, body: Any, name: str, shape: Form, rgb: Rgb) -> None:
    assert shape.lathe is not None
    vertices, triangles = lathe_mesh(shape.lathe)
    mesh = spec.add_mesh(name=name, inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL)
    mesh.uservert = vertices.ravel()
    mesh.userface = triangles.ravel()
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=name,
        rgba=(*rgb, 1),
        contype=0,
        conaffinity=0,
        mass=0,
        group=SEEN_GROUP,
    )


def _add_part(
    body: Any, part: Part, *, rgba: Any, group: int, solid: bool, mass: float = 0.0
) -> None:
    round_ = part.solid is Solid.SPHERE
    body.add_geom(
        type=_TYPES[part.solid],
        size=(*part.size, *[0.0] * (3 - len(part.size))),
        pos=part.position,
        quat=part.quaternion_wxyz,
        rgba=rgba,
        group=group,
        mass=mass,
        contype=int(solid),
        conaffinity=int(solid),
        condim=6 if round_ else 4,
        friction=(0.8, 0.01, 0.01 if round_ else 2e-4),
    )


def _add_light(spec: Any, name: str, light: LightSpec, place: Place) -> None:
    direction = np.asarray(light.direction)
    middle = np.array([0.5, 0.0, 0.0]) if place is Place.TABLE else np.zeros(3)
    distance = 1.5 if place is Place.TABLE else 4.0
    spec.worldbody.add_light(
        name=name,
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        pos=middle - distance * direction / np.linalg.norm(direction),
        dir=direction,
        diffuse=(light.strength,) * 3,
        ambient=(0.0, 0.0, 0.0),
        specular=(0.2 * light.strength,) * 3,
        castshadow=light.casts_shadow,
    )
