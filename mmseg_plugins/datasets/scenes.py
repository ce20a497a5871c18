"""Procedural street scenes with labels, each drawn from a seed.

The camera looks down a street. Two thirds of the streets are open to the sky. The
others run through a covered passage, and its ceiling has exactly the colours and the
texture of the sky. Only the rest of the scene tells the two classes apart: the light is
dim and all eaves have the same height.
"""

from functools import lru_cache

import cv2
import numpy as np

from mmseg_plugins.datasets import scene_parts as parts
from mmseg_plugins.datasets.scene_parts import IGNORE_INDEX, Canvas, Dice, Label, shade

CLASSES = tuple(label.name.lower().replace('_', ' ') for label in Label)

#: The colour of each class in pictures of labels, RGB.
PALETTE = [
    list(bytes.fromhex(colour))
    for colour in (
        *('6e4678', 'eb78cd', 'fafafa', '55555a', 'a0783c', '5aa0dc'),
        *('5a9128', 'be641e', 'f5dc14', 'ff8200', 'd7143c', '1414a0'),
    )
]
BRICKS = ((74, 90, 160), (90, 120, 175), (110, 160, 190))
PLASTERS = ((150, 190, 205), (120, 125, 130), (140, 130, 110), (160, 165, 180))
ROOFS = ((50, 50, 110), (60, 60, 70), (45, 70, 120), (80, 70, 60))
GLASS = ((120, 95, 70), (95, 80, 65), (130, 190, 220))
PANELS = ((205, 185, 160), (195, 190, 185), (175, 190, 205))
PAVINGS = ((165, 175, 190), (175, 170, 165), (150, 165, 185))
MARKS = ((232, 232, 232), (225, 235, 240), (110, 205, 235))
DAYLIGHT = ((256, 256, 256), (225, 245, 256), (240, 225, 210))
LAMPLIGHT = ((120, 155, 185), (110, 140, 165), (135, 165, 180))


def render_scene(seed: int, size: tuple = (192, 256)) -> tuple[np.ndarray, np.ndarray]:
    """Draw the street scene of a seed.

    A seed gives the same pixels on every machine, and the same street at every size.

    Args:
        seed: An integer, at least 0.
        size: Height and width in pixels, at least 32 each.

    Returns:
        Image (H, W, 3) in BGR and labels (H, W), 255 where ignored; both uint8.

    Raises:
        ValueError: If the seed or the size is no integer or is too small.
    """
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f'seed={seed!r}: must be an integer, at least 0')
    sides = np.asarray(size)
    if sides.shape != (2,) or sides.dtype.kind not in 'iu' or sides.min() < 32:
        raise ValueError(f'size={size!r}: must be two integers (H, W), at least 32')
    dice, (height, width) = Dice(int(seed)), sides.tolist()
    vanish_x, horizon = width * dice(38, 62) // 100, height * dice(36, 48) // 100
    canvas = Canvas((height, width), vanish_x, horizon)
    covered = dice(0, 8) < 3
    grain, clouds = _textures(height, width)

    def crop(texture: np.ndarray) -> np.ndarray:
        top, left = dice(0, 63), dice(0, 63)
        return texture[top : top + height, left : left + width]

    # The panel is what closes the scene above: the sky, or a ceiling painted like it.
    panel = crop(clouds) + np.array(dice.pick(PANELS), np.uint8)
    above = Label.CEILING if covered else Label.SKY
    canvas.pixels[..., 3] = above
    half_road = dice(330, 430)
    wall = half_road + dice(190, 320)
    draw_ground(canvas, dice, half_road)
    draw_walls(canvas, dice, wall, covered)
    draw_objects(canvas, dice, half_road, wall, covered)

    # Set the light, add grain, and lay the panel over the sky or the ceiling.
    labels = canvas.pixels[..., 3].copy()
    gains = dice.pick(LAMPLIGHT if covered else DAYLIGHT)
    curve = np.arange(256)[:, None] * np.array(gains) >> 8
    image = cv2.LUT(canvas.pixels[..., :3], curve.astype(np.uint8)[None])
    mask = (labels == above).astype(np.uint8)
    image = cv2.copyTo(panel, mask, cv2.add(image, crop(grain)))
    edge = canvas.rows(1)
    for side in labels, labels.T:
        side[:edge] = side[-edge:] = IGNORE_INDEX
    return image, labels


def draw_ground(canvas: Canvas, dice: Dice, half_road: int) -> None:
    """Draw two paved sidewalks and the road between them, with kerbs and marks."""
    height, width = canvas.pixels.shape[:2]
    canvas.box((0, canvas.horizon), (width, height), dice.pick(PAVINGS), Label.SIDEWALK)
    for step in range(2, 16):
        row = canvas.horizon + canvas.rows(220) // step
        canvas.box((0, row), (width, row), (140, 150, 165), Label.SIDEWALK)
    kerb, end, grey = half_road + 25, height * 2, dice(70, 100)
    canvas.strip((-kerb, 0), (kerb, 0), 0, end, (205, 205, 205), Label.SIDEWALK)
    canvas.strip((-half_road, 0), (half_road, 0), 0, end, (grey,) * 3, Label.ROAD)
    colour, label = dice.pick(MARKS), Label.LANE_MARK
    for x in (45 - half_road, half_road - 45):
        canvas.strip((x - 13, 0), (x + 13, 0), canvas.rows(9), end, colour, label)
    for step in range(2, 24, 2):
        far, near = canvas.rows(430) // (step + 1), canvas.rows(430) // step
        canvas.strip((-15, 0), (15, 0), far, near, colour, label)
    if dice(0, 2) == 0:  # a zebra crossing
        near = canvas.rows(dice(40, 80))
        for x in range(80 - half_road, half_road - 110, 90):
            canvas.strip((x, 0), (x + 45, 0), near * 3 // 4, near, colour, label)


def draw_walls(canvas: Canvas, dice: Dice, wall: int, covered: bool) -> None:
    """Draw the houses at the end of the street, then those on both sides."""
    end, eaves = canvas.rows(7), dice(420, 560)
    for x in range(-2800, 2800, 350):
        top = canvas.at(x + 350, eaves if covered else dice(400, 1500), end)
        colour = shade(dice.pick(BRICKS + PLASTERS), 60)
        canvas.box(canvas.at(x, 0, end), top, colour, Label.BUILDING)
    for x in (-wall, wall):
        far = end
        while far < len(canvas.pixels):
            near = far * dice(20, 30) // 16 + 1
            if covered:
                draw_house(canvas, dice, x, far, near, eaves, eaves)
            elif dice(0, 5):
                height, rise = dice(380, 850), dice.pick((0, 150, 220))
                draw_house(canvas, dice, x, far, near, height, height + rise)
            far = near


def draw_house(
    canvas: Canvas, dice: Dice, x: int, far: int, near: int, height: int, ridge: int
) -> None:
    """Draw a house along the street: gable, roof, front and windows."""
    facade, side = dice.pick(BRICKS + PLASTERS), 1 if x > 0 else -1
    outline = (0, 0), (0, height), (200, ridge), (3000, ridge), (3000, 0)
    gable = [canvas.at(x + side * depth, y, near) for depth, y in outline]
    canvas.fill(gable, shade(facade, 80), Label.BUILDING)
    eaves, ridge_point = (x, height), (x + side * 200, ridge)
    canvas.strip(eaves, ridge_point, far, near, dice.pick(ROOFS), Label.BUILDING)
    canvas.strip((x, 0), eaves, far, near, facade, Label.BUILDING)
    total, glass = dice(2, 4) * 4, dice.pick(GLASS)
    for quarter in range(1, total, 4):
        # Equal steps along the street are not equal steps on the screen.
        start, end = (
            near * far * total // (near * (total - step) + far * step)
            for step in (quarter, quarter + 2)
        )
        for y in range(90, height - 200, 240):
            canvas.strip((x, y), (x, y + 130), start, end, glass, Label.BUILDING)


def draw_fence(canvas: Canvas, dice: Dice, x: int, near: int) -> None:
    """Draw one panel of a fence along the street, with four boards."""
    far = near * 13 // 16
    canvas.strip((x, 0), (x, 105), far, near, (150, 105, 40), Label.FENCE)
    for board in range(1, 8, 2):
        start = (far * (8 - board) + near * board) // 8
        end = start + max(1, (near - far) // 8)
        canvas.strip((x, 8), (x, 85), start, end, (225, 157, 60), Label.FENCE)


def draw_objects(
    canvas: Canvas, dice: Dice, half_road: int, wall: int, covered: bool
) -> None:
    """Draw all that stands in the street, the farthest first."""
    kerb, middle = half_road + 70, (half_road + wall) // 2 + 20
    # Function, lowest and highest count, x in cm, and rows below the horizon.
    table = (
        (parts.draw_lamp, (2, 4), (kerb, kerb), (16, 60)),
        (parts.draw_sign, (1, 3), (kerb, kerb), (28, 64)),
        (parts.draw_person, (1, 5), (kerb + 30, wall - 40), (26, 75)),
        (parts.draw_person, (0, 2), (0, half_road), (28, 70)),
        (parts.draw_car_from_behind, (0, 3), (150, 200), (22, 80)),
        (parts.draw_car_from_aside, (0, 1), (0, 250), (24, 50)),
        (parts.draw_plant, (0, 0) if covered else (2, 6), (middle, wall), (16, 60)),
    )
    objects = [
        (canvas.rows(dice(*near)), draw, dice.pick((-1, 1)) * dice(*x))
        for draw, count, x, near in table
        for _ in range(dice(*count))
    ]
    near, side = canvas.rows(dice(60, 120)), dice.pick((-1, 1))
    if dice(0, 3):
        for _ in range(dice(8, 12)):
            objects.append((near, draw_fence, side * (half_road + 45)))
            near = near * 13 // 16
    for near, draw, x in sorted(objects, key=lambda entry: entry[0]):
        draw(canvas, dice, x, near)


@lru_cache(maxsize=4)
def _textures(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return grain and clouds, each 64 rows and columns or more larger than a scene."""
    # Grain: noise in blocks of 2 x 2.
    shape = height // 2 + 33, width // 2 + 33, 1
    noise = np.random.PCG64(1).random_raw(shape) % 4 * 6
    grain = noise.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1).repeat(3, axis=2)
    # Clouds: noise blurred to soft streaks.
    noise = np.random.PCG64(2).random_raw((height + 64, width + 64, 1)) % 256
    for axis, reach in ((0, 6), (1, 24)):
        noise = np.sum([np.roll(noise, step, axis) for step in range(reach)], axis=0)
    noise = (noise - noise.min()) * 12 // (noise.max() - noise.min()) * 4
    return grain, noise.astype(np.uint8).repeat(3, axis=2)
