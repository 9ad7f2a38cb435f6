"""Pictures of a simulation: rays, OpenGL, views."""
