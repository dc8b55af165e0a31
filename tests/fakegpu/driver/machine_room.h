// What the parts of the stand-in driver share: its settings, memory, streams and counts.
//
// Every entry point takes `lock` first, so one call runs at a time, whichever thread makes it.
#pragma once

#include <driver_types.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#define EXPORTED extern "C" __attribute__((visibility("default")))
// CuPy's copy of the CUDA runtime is patched to jump here (fakegpu.py).
#define RUNTIME(name, ...) EXPORTED cudaError_t fake_##name(__VA_ARGS__)

constexpr int MOST_DEVICES = 16;

struct Settings {
    int devices, peers, compute_capability;
    size_t memory;      // bytes of each device
    std::string order;  // when queued work runs: now, late, random
    unsigned seed;
    bool dry;           // nothing is computed
};
const Settings& settings();

extern std::recursive_mutex mutex;
using Lock = std::lock_guard<std::recursive_mutex>;
extern thread_local int current_device;

// ---------------------------------------------------------------------- errors and counts

cudaError_t failed(cudaError_t code, const std::string& message);  // told, and remembered
cudaError_t remembered();  // the last such error, as a synchronisation gives it
void count(const std::string& what);

// ---------------------------------------------------------------------- memory

struct Allocation {
    size_t size;
    int device;
    enum Kind { PINNED = cudaMemoryTypeHost, DEVICE = cudaMemoryTypeDevice } kind;
};
// The allocation that `address` lies in, and where it begins; nullptr: none of ours.
const Allocation* allocation_of(uintptr_t address, uintptr_t* begin = nullptr);
bool may_access(int device, const Allocation& allocation);  // its own, pinned, or a peer's
extern std::set<std::pair<int, int>> peers;                 // (reader, owner)

// ---------------------------------------------------------------------- streams

struct Event {
    bool has_passed = false;
    double milliseconds = 0;
    struct Stream* stream = nullptr;  // that it was recorded on
};

struct Work {
    std::function<void()> run;
    std::shared_ptr<Event> waits_for, sets;
};

struct Stream {
    int device;
    bool is_blocking;  // waits for the default stream, and it for this one
    bool is_default;
    std::deque<Work> queue;
};

Stream* stream_at(void* handle);
Stream* default_stream(int device);
void submit(Stream* stream, Work work);
void finish(Stream* stream);
void finish_device(int device);
