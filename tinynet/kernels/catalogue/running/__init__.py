"""Any kernel, launched as CUDA's own line says: `python -m tinynet.kernels run my.cu '...'`.

numbers_of_c.py   numbers and their arithmetic, as C has them
constants.py      the names that a file gives to numbers
launches.py       what a launch line says
launch_line.py    the line, read
values.py         numbers and arrays of the types that the parameters declare
program.py        a .cu file, its arrays, and its launches in the simulator
outputs.py        arrays printed, saved and compared
checking.py       a program run, in check mode in two orders
recorded.py       launches recorded, for their page
counts.py         what profile mode counted, printed
command.py        what is typed
"""
