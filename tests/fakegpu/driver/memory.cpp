// Memory: a device's is the host's, counted and limited, and only copies and kernels touch it.
//
// It comes filled with 0xFF, which is NaN in floats. In a dry run it is address space that is never
// touched, so that networks larger than this machine can be planned.
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "machine_room.h"

std::set<std::pair<int, int>> peers;

namespace {

std::map<uintptr_t, Allocation> allocations;  // by address
size_t in_use[MOST_DEVICES], most_in_use[MOST_DEVICES];
constexpr size_t PAGE = 4096, ALIGNMENT = 512;

size_t rounded_up(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }

void* new_device_memory(size_t size) {
    if (settings().dry) {
        const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        void* found = mmap(nullptr, rounded_up(size, PAGE), PROT_READ | PROT_WRITE, flags, -1, 0);
        return found == MAP_FAILED ? nullptr : found;
    }
    void* found = aligned_alloc(ALIGNMENT, rounded_up(size, ALIGNMENT));
    return found ? std::memset(found, 0xFF, size) : nullptr;
}

bool is_device(const void* pointer) {
    const Allocation* found = allocation_of(uintptr_t(pointer));
    return found && found->kind == Allocation::DEVICE;
}

bool is_pinned(const void* pointer) {
    const Allocation* found = allocation_of(uintptr_t(pointer));
    return found && found->kind == Allocation::PINNED;
}

bool inside(const void* pointer, size_t size) {
    uintptr_t begin;
    const Allocation* found = allocation_of(uintptr_t(pointer), &begin);
    return !found || uintptr_t(pointer) + size <= begin + found->size;
}

cudaError_t copy(void* to, const void* from, size_t size, int kind, Stream* stream) {
    const bool to_device = is_device(to), from_device = is_device(from);
    count(kind == cudaMemcpyHostToDevice   ? "copy to device"
          : kind == cudaMemcpyDeviceToHost ? "copy to host"
                                           : "copy on devices");
    if (!inside(to, size) || !inside(from, size)) {
        return failed(cudaErrorIllegalAddress, "a copy goes out of bounds");
    }
    if ((kind == cudaMemcpyHostToDevice && !to_device) ||
        (kind == cudaMemcpyDeviceToHost && !from_device) ||
        (kind == cudaMemcpyDeviceToDevice && !(to_device && from_device))) {
        return failed(cudaErrorInvalidValue, "a copy of another kind than its pointers");
    }
    if (settings().dry) {
        if (!to_device) std::memset(to, 0, size);
        return cudaSuccess;
    }
    if (!from_device && !is_pinned(from)) {
        // Pageable memory is read at once: the caller may change it when the call returns.
        auto staged = std::make_shared<std::vector<char>>((char*)from, (char*)from + size);
        submit(stream, {[=] { std::memcpy(to, staged->data(), size); }, nullptr, nullptr});
        return cudaSuccess;
    }
    submit(stream, {[=] { std::memcpy(to, from, size); }, nullptr, nullptr});
    if (!to_device && !is_pinned(to)) finish(stream);  // it returns when pageable memory is written
    return cudaSuccess;
}

}  // namespace

const Allocation* allocation_of(uintptr_t address, uintptr_t* begin) {
    auto after = allocations.upper_bound(address);
    if (after == allocations.begin()) return nullptr;
    --after;
    if (address >= after->first + after->second.size) return nullptr;
    if (begin) *begin = after->first;
    return &after->second;
}

bool may_access(int device, const Allocation& allocation) {
    return allocation.kind == Allocation::PINNED || allocation.device == device ||
           peers.count({device, allocation.device});
}

// ---------------------------------------------------------------------- CUDA's entry points

RUNTIME(cudaMalloc, void** pointer, size_t size) {
    Lock lock(mutex);
    const int device = current_device;
    if (in_use[device] + size > settings().memory) return cudaErrorMemoryAllocation;
    *pointer = new_device_memory(size);
    if (!*pointer) return cudaErrorMemoryAllocation;
    count("allocate");
    allocations[uintptr_t(*pointer)] = {size, device, Allocation::DEVICE};
    in_use[device] += size;
    most_in_use[device] = std::max(most_in_use[device], in_use[device]);
    return cudaSuccess;
}

RUNTIME(cudaFree, void* pointer) {
    Lock lock(mutex);
    if (!pointer) return cudaSuccess;
    const auto found = allocations.find(uintptr_t(pointer));
    if (found == allocations.end()) return cudaErrorInvalidValue;
    const Allocation gone = found->second;
    finish_device(gone.device);
    allocations.erase(found);
    in_use[gone.device] -= gone.size;
    if (settings().dry) {
        munmap(pointer, rounded_up(gone.size, PAGE));
    } else {
        std::free(pointer);
    }
    return cudaSuccess;
}

RUNTIME(cudaHostAlloc, void** pointer, size_t size, unsigned) {
    Lock lock(mutex);
    *pointer = aligned_alloc(PAGE, rounded_up(size, PAGE));
    if (!*pointer) return cudaErrorMemoryAllocation;
    std::memset(*pointer, 0xEE, size);
    allocations[uintptr_t(*pointer)] = {size, -1, Allocation::PINNED};
    return cudaSuccess;
}

RUNTIME(cudaFreeHost, void* pointer) {
    Lock lock(mutex);
    for (int device = 0; device < settings().devices; ++device) finish_device(device);
    allocations.erase(uintptr_t(pointer));
    std::free(pointer);
    return cudaSuccess;
}

RUNTIME(cudaMemGetInfo, size_t* free, size_t* total) {
    Lock lock(mutex);
    *total = settings().memory;
    *free = *total - in_use[current_device];
    return cudaSuccess;
}

RUNTIME(cudaPointerGetAttributes, cudaPointerAttributes* attributes, const void* pointer) {
    Lock lock(mutex);
    *attributes = {};
    const Allocation* found = allocation_of(uintptr_t(pointer));
    if (!found) return cudaSuccess;
    attributes->type = cudaMemoryType(found->kind);
    attributes->device = std::max(found->device, 0);
    attributes->devicePointer = (void*)pointer;
    if (found->kind == Allocation::PINNED) attributes->hostPointer = (void*)pointer;
    return cudaSuccess;
}

RUNTIME(cudaMemcpyAsync, void* to, const void* from, size_t size, int kind, void* stream) {
    Lock lock(mutex);
    return copy(to, from, size, kind, stream_at(stream));
}

RUNTIME(cudaMemcpy, void* to, const void* from, size_t size, int kind) {
    Lock lock(mutex);
    Stream* stream = default_stream(current_device);
    const cudaError_t result = copy(to, from, size, kind, stream);
    finish(stream);
    return result;
}

RUNTIME(cudaMemsetAsync, void* to, int value, size_t size, void* stream) {
    Lock lock(mutex);
    count("fill");
    if (!is_device(to) || !inside(to, size)) {
        return failed(cudaErrorIllegalAddress, "memory is filled out of bounds");
    }
    if (settings().dry) return cudaSuccess;
    submit(stream_at(stream), {[=] { std::memset(to, value, size); }, nullptr, nullptr});
    return cudaSuccess;
}

RUNTIME(cudaMemset, void* to, int value, size_t size) {
    return fake_cudaMemsetAsync(to, value, size, nullptr);
}

RUNTIME(cudaDeviceCanAccessPeer, int* can, int device, int peer) {
    *can = device != peer && settings().peers;
    return cudaSuccess;
}

RUNTIME(cudaDeviceEnablePeerAccess, int peer, unsigned) {
    Lock lock(mutex);
    if (!settings().peers || peer == current_device) return cudaErrorPeerAccessUnsupported;
    const bool is_new = peers.insert({current_device, peer}).second;
    return is_new ? cudaSuccess : cudaErrorPeerAccessAlreadyEnabled;
}

EXPORTED size_t fake_peak(int device) { return most_in_use[device]; }
