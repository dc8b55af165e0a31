// The machine that is pretended, its errors, and how often each kernel and call ran.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "machine_room.h"

std::recursive_mutex mutex;
thread_local int current_device = 0;

namespace {

constexpr int CUDA = 13000;  // driver and runtime: CUDA 13.0
constexpr int PROCESSORS = 8, WARP = 32;
std::map<std::string, long> counts;
cudaError_t last_error = cudaSuccess;
std::string last_message;

const char* variable(const char* name, const char* otherwise) {
    const char* found = std::getenv(name);
    return found ? found : otherwise;
}

}  // namespace

const Settings& settings() {
    static const Settings chosen = {std::min(std::atoi(variable("FAKE_GPUS", "2")), MOST_DEVICES),
                                    std::atoi(variable("FAKE_PEERS", "1")),
                                    std::atoi(variable("FAKE_CC", "75")),
                                    std::strtoull(variable("FAKE_MEM", "8589934592"), nullptr, 0),
                                    variable("FAKE_ORDER", "now"),
                                    unsigned(std::atoi(variable("FAKE_SEED", "1"))),
                                    std::getenv("FAKE_DRY") != nullptr};
    return chosen;
}

cudaError_t failed(cudaError_t code, const std::string& message) {
    last_error = code;
    last_message = message;
    std::fprintf(stderr, "fakegpu: %s\n", message.c_str());
    return code;
}

cudaError_t remembered() {
    const cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}

void count(const std::string& what) { ++counts[what]; }

// ---------------------------------------------------------------------- CUDA's entry points

RUNTIME(cudaGetDevice, int* device) {
    *device = current_device;
    return cudaSuccess;
}

RUNTIME(cudaSetDevice, int device) {
    if (device < 0 || device >= settings().devices) return cudaErrorInvalidDevice;
    current_device = device;
    return cudaSuccess;
}

RUNTIME(cudaGetDeviceCount, int* number) {
    *number = settings().devices;
    return cudaSuccess;
}

RUNTIME(cudaDriverGetVersion, int* version) {
    *version = CUDA;
    return cudaSuccess;
}

RUNTIME(cudaRuntimeGetVersion, int* version) {
    *version = CUDA;
    return cudaSuccess;
}

RUNTIME(cudaGetDeviceProperties, cudaDeviceProp* p, int) {
    std::memset(p, 0, sizeof *p);
    std::strcpy(p->name, "stand-in GPU");
    p->totalGlobalMem = settings().memory;
    p->sharedMemPerBlock = 48 << 10;
    p->regsPerBlock = 64 << 10;
    p->warpSize = WARP;
    p->maxThreadsPerBlock = p->maxThreadsPerMultiProcessor = 1024;
    p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024, p->maxThreadsDim[2] = 64;
    p->maxGridSize[0] = 2147483647, p->maxGridSize[1] = p->maxGridSize[2] = 65535;
    p->major = settings().compute_capability / 10;
    p->minor = settings().compute_capability % 10;
    p->multiProcessorCount = PROCESSORS;
    return cudaSuccess;
}

RUNTIME(cudaDeviceGetAttribute, int* value, int attribute, int device) {
    if (device < 0 || device >= settings().devices) return cudaErrorInvalidDevice;
    cudaDeviceProp p;
    fake_cudaGetDeviceProperties(&p, device);
    const std::map<int, int> known = {
        {cudaDevAttrMaxThreadsPerBlock, p.maxThreadsPerBlock},
        {cudaDevAttrMaxBlockDimX, p.maxThreadsDim[0]},
        {cudaDevAttrMaxBlockDimY, p.maxThreadsDim[1]},
        {cudaDevAttrMaxBlockDimZ, p.maxThreadsDim[2]},
        {cudaDevAttrMaxGridDimX, p.maxGridSize[0]},
        {cudaDevAttrMaxGridDimY, p.maxGridSize[1]},
        {cudaDevAttrMaxGridDimZ, p.maxGridSize[2]},
        {cudaDevAttrMaxSharedMemoryPerBlock, int(p.sharedMemPerBlock)},
        {cudaDevAttrMaxSharedMemoryPerBlockOptin, int(p.sharedMemPerBlock)},
        {cudaDevAttrMaxRegistersPerBlock, p.regsPerBlock},
        {cudaDevAttrMaxRegistersPerMultiprocessor, p.regsPerBlock},
        {cudaDevAttrMaxThreadsPerMultiProcessor, p.maxThreadsPerMultiProcessor},
        {cudaDevAttrWarpSize, p.warpSize},
        {cudaDevAttrMultiProcessorCount, p.multiProcessorCount},
        {cudaDevAttrComputeCapabilityMajor, p.major},
        {cudaDevAttrComputeCapabilityMinor, p.minor}};
    const auto found = known.find(attribute);
    *value = found == known.end() ? 0 : found->second;
    return cudaSuccess;
}

RUNTIME(cudaGetLastError) { return cudaSuccess; }

EXPORTED const char* fake_cudaGetErrorName(cudaError_t code) {
    switch (code) {
        case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
        case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
        case cudaErrorIllegalAddress: return "cudaErrorIllegalAddress";
        case cudaErrorPeerAccessAlreadyEnabled: return "cudaErrorPeerAccessAlreadyEnabled";
        default: return "cudaErrorInvalidValue";
    }
}

EXPORTED const char* fake_cudaGetErrorString(cudaError_t) {
    return last_message.empty() ? "refused by the stand-in GPU" : last_message.c_str();
}

EXPORTED int cuGetErrorName(int, const char** name) {
    *name = "CUDA_ERROR_OF_THE_STAND_IN";
    return 0;
}

EXPORTED int cuGetErrorString(int, const char** text) {
    *text = fake_cudaGetErrorString(cudaSuccess);
    return 0;
}

// ---------------------------------------------------------------------- for the tests

// "3 im2col_kernel\n5 fill\n": how often each ran. Returns the text's length.
EXPORTED size_t fake_counts(char* text, size_t room) {
    Lock lock(mutex);
    std::string all;
    for (auto& [what, times] : counts) all += std::to_string(times) + " " + what + "\n";
    if (text && room) std::snprintf(text, room, "%s", all.c_str());
    return all.size();
}

EXPORTED void fake_clear() {
    Lock lock(mutex);
    counts.clear();
}

// The last error that nobody was told of, "" if there is none: all work runs first.
EXPORTED const char* fake_error() {
    Lock lock(mutex);
    for (int device = 0; device < settings().devices; ++device) finish_device(device);
    return remembered() == cudaSuccess ? "" : last_message.c_str();
}
