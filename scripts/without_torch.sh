# Sourced by what resolves a lock: $skip leaves out torch and the CUDA packages that it brings, for which
# build is right is the machine's choice. They stand in requirements-torch.lock, which pins torch itself.
skip=""
for name in torch triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti \
    nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand \
    nvidia-cusolver nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink \
    nvidia-nvshmem-cu13 nvidia-nvtx; do
    skip="$skip --no-emit-package $name"
done
