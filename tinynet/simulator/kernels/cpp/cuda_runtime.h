// A .cu text may include this, and needs it for nothing: what a kernel says is in cuda.h.
#pragma once
