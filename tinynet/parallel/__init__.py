"""One network on two devices, or the same in many processes; and the same numbers as on one.

traffic.py     a copy from tower to tower, counted
wholes.py      a parameter of which each tower has half, saved as one
towers.py      the modules: a layer in each tower, and what crosses between them
placement.py   one way to ask for a layer, whole on a device or half in each tower
turn.py        whose turn is it to call MPI?
watch.py       is every rank still there? And who says so if not
direct.py      does this MPI read the memory of GPUs?
ranks.py       processes that mpiexec has started: how they agree, and how they end
world.py       who they are, in this process
rows.py        where the gradients lie for that: on the host, or a GPU
buckets.py     the gradients of all ranks, summed while backward still runs
divided.py     fully connected layers of which each rank has some units
"""
