// Streams and events: when queued work runs.
//
// A stream is a queue. With the order `now` work runs as soon as it is queued; with `late` only
// when somebody waits for it; with `random` now and then, of any stream. Whatever the order, a
// stream keeps its own, an event holds back the work behind a wait, and the default stream waits
// for the blocking ones. So a program whose result depends on the order lacks an event.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "machine_room.h"

namespace {

std::map<void*, std::unique_ptr<Stream>> streams;
std::unique_ptr<Stream> defaults[MOST_DEVICES];
constexpr size_t LONGEST = 5000;  // work in a queue

struct EventHandle {
    std::shared_ptr<Event> event;  // the last record of it
    int device;
    bool has_time;
};

double milliseconds_now() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double, std::milli>(now).count();
}

[[noreturn]] void stop(const char* why) {
    std::fprintf(stderr, "fakegpu: %s\n", why);
    std::abort();
}

std::vector<Stream*> all_streams() {
    std::vector<Stream*> all;
    for (auto& stream : defaults) {
        if (stream) all.push_back(stream.get());
    }
    for (auto& item : streams) all.push_back(item.second.get());
    return all;
}

void run_next(Stream* stream);

void run_until_passed(const Event& event) {
    while (!event.has_passed) {
        if (event.stream->queue.empty()) stop("streams wait for each other, for ever");
        run_next(event.stream);
    }
}

void run_next(Stream* stream) {
    if (const auto event = stream->queue.front().waits_for) run_until_passed(*event);
    const Work work = std::move(stream->queue.front());
    stream->queue.pop_front();
    if (work.run) work.run();
    if (work.sets) {
        work.sets->has_passed = true;
        work.sets->milliseconds = milliseconds_now();
    }
}

void run_all(Stream* stream) {
    while (!stream->queue.empty()) run_next(stream);
}

// The default stream and the blocking streams of a device wait for each other.
void finish_those_before(Stream* stream) {
    if (!stream->is_blocking) return;
    for (Stream* other : all_streams()) {
        const bool ordered = other->device == stream->device && other->is_blocking;
        if (ordered && other->is_default != stream->is_default) run_all(other);
    }
}

void run_some() {
    static std::mt19937 random(settings().seed);
    while (random() % 2) {
        std::vector<Stream*> ready;
        for (Stream* stream : all_streams()) {
            if (stream->queue.empty()) continue;
            const auto& event = stream->queue.front().waits_for;
            if (!event || event->has_passed) ready.push_back(stream);
        }
        if (ready.empty()) return;
        run_next(ready[random() % ready.size()]);
    }
}

}  // namespace

Stream* default_stream(int device) {
    if (!defaults[device]) defaults[device].reset(new Stream{device, true, true, {}});
    return defaults[device].get();
}

Stream* stream_at(void* handle) {
    if (uintptr_t(handle) <= 2) return default_stream(current_device);  // null, legacy, per thread
    const auto found = streams.find(handle);
    if (found == streams.end()) stop("a stream is used that does not exist any more");
    return found->second.get();
}

void submit(Stream* stream, Work work) {
    finish_those_before(stream);
    stream->queue.push_back(std::move(work));
    if (settings().order == "now" || stream->queue.size() > LONGEST) run_all(stream);
    if (settings().order == "random") run_some();
}

void finish(Stream* stream) {
    finish_those_before(stream);
    run_all(stream);
}

void finish_device(int device) {
    for (Stream* stream : all_streams()) {
        if (stream->device == device) run_all(stream);
    }
}

// ---------------------------------------------------------------------- CUDA's entry points

RUNTIME(cudaStreamCreateWithPriority, void** stream, unsigned flags, int) {
    Lock lock(mutex);
    const bool is_blocking = !(flags & cudaStreamNonBlocking);
    auto made = std::make_unique<Stream>(Stream{current_device, is_blocking, false, {}});
    *stream = made.get();
    streams[*stream] = std::move(made);
    return cudaSuccess;
}

RUNTIME(cudaStreamCreateWithFlags, void** stream, unsigned flags) {
    return fake_cudaStreamCreateWithPriority(stream, flags, 0);
}

RUNTIME(cudaStreamCreate, void** stream) { return fake_cudaStreamCreateWithFlags(stream, 0); }

RUNTIME(cudaStreamDestroy, void* stream) {
    Lock lock(mutex);
    run_all(stream_at(stream));
    // An event outlives the stream that it was recorded on: it has passed, so nobody asks for that.
    streams.erase(stream);
    return cudaSuccess;
}

RUNTIME(cudaStreamSynchronize, void* stream) {
    Lock lock(mutex);
    count("synchronize stream");
    finish(stream_at(stream));
    return remembered();
}

RUNTIME(cudaStreamQuery, void* stream) {
    Lock lock(mutex);
    return stream_at(stream)->queue.empty() ? cudaSuccess : cudaErrorNotReady;
}

RUNTIME(cudaStreamIsCapturing, void*, int* is_capturing) {
    *is_capturing = 0;
    return cudaSuccess;
}

RUNTIME(cudaStreamGetFlags, void* stream, unsigned* flags) {
    Lock lock(mutex);
    *flags = stream_at(stream)->is_blocking ? 0 : cudaStreamNonBlocking;
    return cudaSuccess;
}

RUNTIME(cudaStreamGetPriority, void*, int* priority) {
    *priority = 0;
    return cudaSuccess;
}

RUNTIME(cudaStreamWaitEvent, void* stream, void* event, unsigned) {
    Lock lock(mutex);
    const auto& waits_for = ((EventHandle*)event)->event;
    if (waits_for) submit(stream_at(stream), {nullptr, waits_for, nullptr});
    return cudaSuccess;
}

RUNTIME(cudaDeviceSynchronize) {
    Lock lock(mutex);
    count("synchronize device");
    finish_device(current_device);
    return remembered();
}

RUNTIME(cudaEventCreateWithFlags, void** event, unsigned flags) {
    *event = new EventHandle{nullptr, current_device, !(flags & cudaEventDisableTiming)};
    return cudaSuccess;
}

RUNTIME(cudaEventCreate, void** event) { return fake_cudaEventCreateWithFlags(event, 0); }

RUNTIME(cudaEventDestroy, void* event) {
    Lock lock(mutex);
    delete (EventHandle*)event;
    return cudaSuccess;
}

RUNTIME(cudaEventRecord, void* event, void* stream_handle) {
    Lock lock(mutex);
    auto* handle = (EventHandle*)event;
    Stream* stream = stream_at(stream_handle);
    if (handle->device != stream->device) {
        return failed(cudaErrorInvalidResourceHandle, "event and stream are of two devices");
    }
    count("record event");
    handle->event = std::make_shared<Event>(Event{false, 0, stream});
    submit(stream, {nullptr, nullptr, handle->event});
    return cudaSuccess;
}

RUNTIME(cudaEventQuery, void* event) {
    Lock lock(mutex);
    const auto& asked = ((EventHandle*)event)->event;
    return !asked || asked->has_passed ? cudaSuccess : cudaErrorNotReady;
}

RUNTIME(cudaEventSynchronize, void* event) {
    Lock lock(mutex);
    count("synchronize event");
    if (const auto asked = ((EventHandle*)event)->event) run_until_passed(*asked);
    return remembered();
}

RUNTIME(cudaEventElapsedTime, float* milliseconds, void* begin, void* end) {
    Lock lock(mutex);
    const auto *a = (EventHandle*)begin, *b = (EventHandle*)end;
    if (!a->has_time || !b->has_time || !a->event || !b->event) {
        return cudaErrorInvalidResourceHandle;
    }
    if (!a->event->has_passed || !b->event->has_passed) return cudaErrorNotReady;
    *milliseconds = float(b->event->milliseconds - a->event->milliseconds);
    return cudaSuccess;
}
