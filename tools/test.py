"""Test a checkpoint: mmseg's own test.py, all its options, with our names."""

from host_tool import run_host_tool

if __name__ == '__main__':
    run_host_tool('test.py')
