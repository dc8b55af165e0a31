/* Gravity between all pairs: bodies pass through shared memory, position and mass in a float4. */
#include <cuda_runtime.h>
#include <math.h>
#include <stdlib.h>

#define EPS2 0.01f

__device__ float3 pulled(float4 me, float4 other, float3 acceleration)
{
    float3 r = {other.x - me.x, other.y - me.y, other.z - me.z};
    float distance2 = r.x * r.x + r.y * r.y + r.z * r.z + EPS2;
    float inverse = rsqrtf(distance2);
    float s = other.w * inverse * inverse * inverse;
    acceleration.x += r.x * s;
    acceleration.y += r.y * s;
    acceleration.z += r.z * s;
    return acceleration;
}

extern "C"
__global__ void calculate_forces(void *devX, void *devA, int N)
{
    extern __shared__ float4 shared_positions[];
    float4 *globalX = (float4 *)devX;
    float4 *globalA = (float4 *)devA;
    int gtid = blockIdx.x * blockDim.x + threadIdx.x;
    float4 me = globalX[gtid];
    float3 a = {0.0f, 0.0f, 0.0f};
    for (int first = 0; first < N; first += blockDim.x) {
        shared_positions[threadIdx.x] = globalX[first + threadIdx.x];
        __syncthreads();
        for (int i = 0; i < blockDim.x; i++) a = pulled(me, shared_positions[i], a);
        __syncthreads();
    }
    globalA[gtid] = {a.x, a.y, a.z, 0.0f};
}

typedef struct { float x, y, z, vx, vy, vz; } Body;

__global__ void move(Body *p, float dt, int n) {
  int i = blockDim.x * blockIdx.x + threadIdx.x;
  if (i < n) {
    p[i].x += p[i].vx*dt;
    p[i].y += p[i].vy*dt;
    p[i].z += p[i].vz*dt;
  }
}

int main(const int argc, const char** argv) {
  int nBodies = argc > 1 ? atoi(argv[1]) : 30000;
  Body *p;
  cudaMalloc(&p, nBodies*sizeof(Body));
  move<<<(nBodies + 255) / 256, 256>>>(p, 0.01f, nBodies);
}
