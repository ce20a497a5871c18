"""Test a checkpoint: mmseg's test.py, with its options and our classes."""

from host_tool import run_host_tool

if __name__ == '__main__':
    run_host_tool('test.py')
