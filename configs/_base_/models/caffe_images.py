"""Images as Caffe's weights want them; those of torchvision want RGB and a std."""

caffe_images = dict(
    mean=[104.00698793, 116.66876762, 122.67891434],
    std=[1.0, 1.0, 1.0],
    bgr_to_rgb=False,
    size_divisor=1,
)
