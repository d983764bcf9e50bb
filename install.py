"""Run by the WebUI before it starts: everything needed is the host's own, except where OpenCV is missing."""

import launch

if not launch.is_installed("cv2"):
    launch.run_pip("install opencv-python", "OpenCV for sd-webui-differential-diffusion")
