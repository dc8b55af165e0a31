// Modules and launches: PTX is parsed when it is loaded, and a launch runs it in the interpreter.
#include <cstdlib>
#include <cstring>

#include "../ptx/machine.h"
#include "../ptx/parser.h"
#include "machine_room.h"

namespace {

struct LoadedModule {
    ptx::Module module;
    int device;
};

struct LoadedKernel {
    LoadedModule* home;
    ptx::Function* function;
};

constexpr unsigned MOST_BLOCKS_DOWN = 65535, MOST_THREADS = 1024, MOST_SHARED = 48 << 10;

// The last allocation is tried first: a kernel goes through few.
class GlobalMemory {
  public:
    explicit GlobalMemory(int device) : device_(device) {}

    void* operator()(uintptr_t address, int bytes) {
        if (address < begin_ || address + bytes > end_) {
            uintptr_t begin;
            const Allocation* found = allocation_of(address, &begin);
            if (!found || address + bytes > begin + found->size) return nullptr;
            if (!may_access(device_, *found)) return nullptr;
            begin_ = begin, end_ = begin + found->size;
        }
        return (void*)address;
    }

  private:
    int device_;
    uintptr_t begin_ = 0, end_ = 0;
};

cudaError_t refused(const std::string& why) {
    failed(cudaErrorInvalidValue, why);
    remembered();  // told at once, so it need not be told again
    return cudaErrorInvalidValue;
}

}  // namespace

EXPORTED int cuModuleLoadData(void** module, const void* image) {
    Lock lock(mutex);
    const auto* text = (const char*)image;
    if (text[0] == 0x7F) return refused("compiled code was given; set CUPY_COMPILE_WITH_PTX=1");
    auto loaded = std::make_unique<LoadedModule>();
    loaded->device = current_device;
    try {
        ptx::Parser(text, loaded->module).parse();
    } catch (std::exception& error) {
        return refused(std::string("PTX: ") + error.what());
    }
    *module = loaded.release();
    return 0;
}

EXPORTED int cuModuleUnload(void*) { return 0; }  // queued launches may still need it

EXPORTED int cuModuleGetFunction(void** kernel, void* module, const char* name) {
    Lock lock(mutex);
    auto* home = (LoadedModule*)module;
    const auto found = home->module.functions.find(name);
    if (found == home->module.functions.end()) return refused(std::string("no kernel ") + name);
    *kernel = new LoadedKernel{home, found->second.get()};
    return 0;
}

EXPORTED int cuLaunchKernel(void* handle, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                            unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                            void* stream_handle, void** arguments, void**) {
    Lock lock(mutex);
    const auto* kernel = (LoadedKernel*)handle;
    const ptx::Function& function = *kernel->function;
    Stream* stream = stream_at(stream_handle);
    const int device = current_device;
    if (kernel->home->device != device) return refused(function.name + " is of another device");
    if (stream->device != device) return refused(function.name + ": a stream of another device");
    const unsigned threads = block_x * block_y * block_z;
    if (!grid_x || !grid_y || !grid_z || grid_y > MOST_BLOCKS_DOWN || grid_z > MOST_BLOCKS_DOWN ||
        !threads || threads > MOST_THREADS) {
        return refused(function.name + ": a grid or block beyond the limits");
    }
    if (function.shared_bytes + kernel->home->module.shared_bytes + shared > MOST_SHARED) {
        return refused(function.name + ": too much shared memory");
    }
    count(function.name);
    if (settings().dry) return 0;
    ptx::Launch launch{{grid_x, grid_y, grid_z}, {block_x, block_y, block_z},
                       ptx::Bytes(function.parameter_bytes), shared, GlobalMemory(device)};
    for (size_t i = 0; i < function.parameters.size(); ++i) {
        const auto& p = function.parameters[i];
        std::memcpy(&launch.parameters[p.offset], arguments[i], p.size);
    }
    const ptx::Module* module = &kernel->home->module;
    submit(stream, {[&function, module, launch = std::move(launch)] {
                        try {
                            ptx::Machine(*module, function, launch).run();
                        } catch (std::exception& error) {
                            failed(cudaErrorIllegalAddress, function.name + ": " + error.what());
                        }
                    },
                    nullptr, nullptr});
    return 0;
}

// What cuBLAS queues: it lies in a library of its own.
EXPORTED void fake_product(void* stream, const std::function<void()>& run, const char* name) {
    Lock lock(mutex);
    count(name);
    if (!settings().dry) submit(stream_at(stream), {run, nullptr, nullptr});
}
