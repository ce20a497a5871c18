"""Draw the classes that an exported ONNX file predicts over an image.

python run_onnx.py network.onnx street.jpg overlay.png

It needs onnxruntime, numpy and pillow, and nothing else of this repository: copy it to
where the network runs. Names and colours of the classes are in the ONNX file.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageDraw, ImageFont, ImageOps


def predict(path: str, image: Image.Image) -> tuple[np.ndarray, dict]:
    """Return the class of each pixel (H, W), uint8, and the metadata of the file."""
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    metadata = json.loads(session.get_modelmeta().custom_metadata_map['mmseg_plugins'])
    names = [output['name'] for output in metadata['outputs']]
    if metadata['input']['channel_order'] != 'RGB' or 'labels' not in names:
        sys.exit(f'{path}: must take RGB images and have labels (--outputs labels)')
    size = image.size
    if resize := metadata['resize']:  # as in the training: scale is width and height
        width, height = resize['scale']
        if resize['keep_ratio']:
            longer, shorter = max(width, height), min(width, height)
            factor = min(longer / max(size), shorter / min(size))
            width, height = (int(side * factor + 0.5) for side in size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, metadata['input']['dtype'])  # (H, W, 3)
    feed = {metadata['input']['name']: pixels.transpose(2, 0, 1)[None]}
    labels = Image.fromarray(session.run(['labels'], feed)[0][0])
    return np.asarray(labels.resize(size, Image.Resampling.NEAREST)), metadata


def draw(image: Image.Image, labels: np.ndarray, metadata: dict) -> Image.Image:
    """Lay the colours of the classes over an image, with a legend below it."""
    colours = np.array(metadata['palette'], np.uint8)
    mixed = Image.blend(image, Image.fromarray(colours[labels]), 0.5)
    present, font = np.unique(labels), ImageFont.load_default(14)
    names = [metadata['classes'][label] for label in present]
    column = 40 + max(int(font.getlength(name)) for name in names)
    columns = max(image.width // column, 1)
    rows = -(-len(present) // columns)
    page = Image.new('RGB', (max(image.width, column), image.height + 22 * rows))
    page.paste('white', (0, 0, *page.size))
    page.paste(mixed)
    pen = ImageDraw.Draw(page)
    for number, (label, name) in enumerate(zip(present, names, strict=True)):
        x, y = number % columns * column + 6, number // columns * 22 + image.height + 4
        pen.rectangle((x, y, x + 14, y + 14), fill=tuple(colours[label]))
        pen.text((x + 20, y + 7), name, fill='black', font=font, anchor='lm')
    return page


def main() -> None:
    """Read an image as OpenCV does, turned by its EXIF orientation; write overlay."""
    if len(sys.argv) != 4:
        sys.exit('usage: run_onnx.py network.onnx street.jpg overlay.png')
    _, network, source, target = sys.argv
    image = ImageOps.exif_transpose(Image.open(source)).convert('RGB')
    labels, metadata = predict(network, image)
    draw(image, labels, metadata).save(target)


if __name__ == '__main__':
    main()
