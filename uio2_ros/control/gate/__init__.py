"""What stands between a plan and the motors, whoever made the plan: it refuses, and says why.

`MotionGate.judge` looks at a whole plan before it begins, `MotionGate.passed` at each command
before it is sent. It knows nothing of the model. docs/hazards.md names what it is for.
"""
