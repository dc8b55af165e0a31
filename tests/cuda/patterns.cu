// How a warp runs: each kernel has one pattern, worked out by hand in the comments. One warp runs
// it, so t is the lane. After a line stand the masks of the lanes that run it, in the order in which
// the warp comes by (bit t is lane t), and what its loads and stores cost in all: sectors of 32 bytes
// of global memory, passes over the 32 banks of shared memory. Arrays begin where a sector begins.
// A run of k floats from there takes ceil(k / 8) sectors.

// Even lanes are the bits 0, 2, 4, ...: 0101 0101. Every second float of 32 touches all 4 sectors.
extern "C" __global__ void odd_and_even(float* y, const float* x) {
    const int t = threadIdx.x;
    if (t % 2 == 0) {           // = ffffffff
        y[t] = 1;               // = 55555555; sectors 4
    } else {
        y[t] = 2;               // = aaaaaaaa; sectors 4
    }
}

// 50 elements: 32 in the first round, and 50 - 32 = 18 lanes (0 to 17) in the second. The line of
// the loop is run before the first round, after it, and by the 18 after the second. 4 sectors, then
// 18 floats from byte 128 on: 3.
extern "C" __global__ void ragged_loop(float* y, const float* x) {
    for (int i = threadIdx.x; i < 50; i += 32) {  // = ffffffff ffffffff 0003ffff
        y[i] = 3;                                 // = ffffffff 0003ffff; sectors 7
    }
}

// The test is run by all, the return by lanes 20 to 31. 20 floats are 80 bytes: 3 sectors.
extern "C" __global__ void early_return(float* y, const float* x) {
    const int t = threadIdx.x;
    if (t >= 20) return;        // = ffffffff fff00000
    y[t] = 4;                   // = 000fffff; sectors 3
}

// Of the lower half the lanes 0, 4, 8 and 12: floats 16 bytes apart, so two to a sector: 2. Both
// halves meet after the ifs.
extern "C" __global__ void nested_ifs(float* y, const float* x) {
    const int t = threadIdx.x;
    if (t < 16) {               // = ffffffff
        if (t % 4 == 0) {       // = 0000ffff
            y[t] = 5;           // = 00001111; sectors 2
        }
        y[t + 32] = 6;          // = 0000ffff; sectors 2
    }
    y[t + 64] = 7;              // = ffffffff; sectors 4
}

// A return in an inner if: lanes 0 to 3 leave, and the others of the lower half (4 to 15) still meet
// the upper half before the last line. 28 floats from byte 16 on: 16 to 128, so 4 sectors.
extern "C" __global__ void return_inside(float* y, const float* x) {
    const int t = threadIdx.x;
    if (t < 16) {               // = ffffffff
        if (t < 4) return;      // = 0000ffff 0000000f
        y[t + 32] = 8;          // = 0000fff0; sectors 2
    }
    y[t] = 9;                   // = fffffff0; sectors 4
}

// Only the lanes that the mask names exchange. 16 floats: 2 sectors.
extern "C" __global__ void shuffle_in_half_a_warp(float* y, const float* x) {
    const int t = threadIdx.x;
    float value = x[t];                                     // = ffffffff; sectors 4
    if (t < 16) {                                           // = ffffffff
        value += __shfl_down_sync(0xffffu, value, 8);       // = 0000ffff
        y[t] = value;                                       // = 0000ffff; sectors 2
    }
}

// Every second float of 256 bytes: 8 sectors, of which half is not used.
extern "C" __global__ void stride_two(float* y, const float* x) {
    const int t = threadIdx.x;
    const float value = x[2 * t];   // = ffffffff; sectors 8
    y[t] = value;                   // = ffffffff; sectors 4
}

// Words 0, 32, 64, ... all lie in bank 0. With a row of 33 words, word 33 t lies in bank t.
extern "C" __global__ void bank_conflict(float* y, const float* x) {
    __shared__ float tile[32 * 33];
    const int t = threadIdx.x;
    tile[32 * t] = 1;               // = ffffffff; passes 32
    __syncwarp();                   // = ffffffff
    tile[33 * t] = 2;               // = ffffffff; passes 1
    __syncwarp();                   // = ffffffff
    y[t] = tile[2 * (t % 16)];      // = ffffffff; passes 1; sectors 4
}

// 16 bytes a lane are 512 in all: 16 sectors. A pass over the banks gives 128 bytes, so shared
// memory serves a quarter of the warp after the other: 4 passes, which is perfect. With a float4
// between, 8 lanes ask for 8 x 4 of 64 words: banks 0 to 3, 8 to 11, ..., each twice: 2 x 4 passes.
extern "C" __global__ void vectors(float4* y, const float4* x) {
    __shared__ float4 tile[64];
    const int t = threadIdx.x;
    const float4 value = x[t];      // = ffffffff; sectors 16
    tile[t] = value;                // = ffffffff; passes 4
    __syncwarp();                   // = ffffffff
    tile[2 * t] = value;            // = ffffffff; passes 8
    __syncwarp();                   // = ffffffff
    y[t] = tile[2 * t];             // = ffffffff; passes 8; sectors 16
}

// 8 bytes a lane: half a warp after the other, 16 lanes of 2 words each, so a pass for each half.
// Every second double: in a half, 4 t and 4 t + 1 mod 32 give each of 16 banks two words: 2 passes.
extern "C" __global__ void doubles(double* y, const double* x) {
    __shared__ double tile[64];
    const int t = threadIdx.x;
    tile[t] = 1;                    // = ffffffff; passes 2
    __syncwarp();                   // = ffffffff
    tile[2 * t] = 2;                // = ffffffff; passes 4
    __syncwarp();                   // = ffffffff
    y[t] = tile[t];                 // = ffffffff; passes 2; sectors 8
}

// One element for all lanes: one sector, and one word of one bank.
extern "C" __global__ void broadcast(float* y, const float* x) {
    __shared__ float tile[1];
    const int t = threadIdx.x;
    const float value = x[5];       // = ffffffff; sectors 1
    if (t == 31) tile[0] = value;   // = ffffffff 80000000; passes 1
    __syncwarp();                   // = ffffffff
    y[t] = tile[0];                 // = ffffffff; passes 1; sectors 4
}

// Lane t goes round t % 4 times: the lanes with t % 4 > 0 are 1110 = e, > 1 are 1100 = c, > 2 are
// 1000 = 8 in each group of four. The line of the loop is run by all, then by those after each round.
extern "C" __global__ void trips(float* y, const float* x) {
    const int t = threadIdx.x;
    float sum = 0;
    for (int i = 0; i < t % 4; ++i) {  // = ffffffff eeeeeeee cccccccc 88888888
        sum += x[i];                   // = eeeeeeee cccccccc 88888888; sectors 3
    }
    y[t] = sum;                        // = ffffffff; sectors 4
}

// t % 3 is 0 for lanes 0, 3, 6, ...: 0100 1001 0010 0100 1001 0010 0100 1001; the others are that
// shifted by one and by two. Each touches all 4 sectors.
extern "C" __global__ void switches(float* y, const float* x) {
    const int t = threadIdx.x;
    switch (t % 3) {            // = ffffffff
        case 0:
            y[t] = 10;          // = 49249249; sectors 4
            break;
        case 1:
            y[t] = x[t];        // = 92492492; sectors 8
            break;
        default:
            y[t] = 12;          // = 24924924; sectors 4
    }
    y[t + 32] = 13;             // = ffffffff; sectors 4
}

// Lanes 0, 1, 2, 3 leave the loop after 1, 2, 3, 4 rounds, lanes 4 to 31 after 5: those of a round
// wait after the loop. Odd rounds go round again before the store; rounds 0, 2, 4 store y[32 i + t],
// 32 floats or the last 30 (bytes 8 to 128) or 28 of them (bytes 16 to 128): 4 sectors each.
extern "C" __global__ void breaks(float* y, const float* x) {
    const int t = threadIdx.x;
    int i = 0;
    for (;; ++i) {
        if (i > t) break;           // = ffffffff ffffffff fffffffe fffffffc fffffff8 fffffff0
        if (i == 5) break;          // = ffffffff fffffffe fffffffc fffffff8 fffffff0 ffffffe0
        if (i % 2) continue;        // = ffffffff fffffffe fffffffc fffffff8 fffffff0
        y[32 * i + t] = 14;         // = ffffffff fffffffc fffffff0; sectors 12
    }
    y[t] = i;                       // = ffffffff; sectors 4
}

// A function that is called, not inlined, by even lanes and then by odd ones. A line that calls is
// come by twice, before and after.
__device__ __noinline__ float steps_of(const float* x, int n) {
    float sum = 0;
    for (int i = 0; i < n; ++i) {   // = 55555555 50505050 aaaaaaaa aaaaaaaa
        sum += x[i];                // = 50505050 aaaaaaaa; sectors 2
    }
    return sum;                     // = 55555555 aaaaaaaa
}

// n is 0 or 1 for the even lanes: t / 4 % 2 is 1 for lanes 4 to 7, 12 to 15, ...; of those, 4 and 6.
extern "C" __global__ void calls(float* y, const float* x) {
    const int t = threadIdx.x;
    if (t % 2 == 0) {                   // = ffffffff
        y[t] = steps_of(x, t / 4 % 2);  // = 55555555 55555555; sectors 4
    } else {
        y[t] = steps_of(x, 1);          // = aaaaaaaa aaaaaaaa; sectors 4
    }
}
