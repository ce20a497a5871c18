"""Draw a dataset as the model sees it: mmseg's own tool, with our names."""

from host_tool import run_host_tool

if __name__ == '__main__':
    run_host_tool('analysis_tools/browse_dataset.py')
