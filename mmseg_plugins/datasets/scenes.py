"""A procedural street scene with its labels, drawn from a seed.

A driver looks down a street. Two thirds of the streets lie under the sky; the others
run through a covered passage, whose ceiling is painted in the very colours and texture
of a sky. No patch of it tells the two apart: only the rest of the scene does, with its
dim lamplight and its straight eaves.
"""

from functools import lru_cache

import cv2
import numpy as np

from mmseg_plugins.datasets import scene_parts as parts
from mmseg_plugins.datasets.scene_parts import IGNORE_INDEX, Canvas, Dice, Label, shade

CLASSES = tuple(label.name.lower().replace('_', ' ') for label in Label)

#: Colour of each class in pictures of labels, RGB.
PALETTE = [
    list(bytes.fromhex(colour))
    for colour in (
        *('6e4678', 'eb78cd', 'fafafa', '55555a', 'a0783c', '5aa0dc'),
        *('5a9128', 'be641e', 'f5dc14', 'ff8200', 'd7143c', '1414a0'),
    )
]

BRICKS = ((74, 90, 160), (90, 120, 175), (110, 160, 190))
PLASTERS = ((150, 190, 205), (120, 125, 130), (140, 130, 110), (160, 165, 180))
FACADES = BRICKS + PLASTERS
ROOFS = ((50, 50, 110), (60, 60, 70), (45, 70, 120), (80, 70, 60))
GLASS = ((120, 95, 70), (95, 80, 65), (130, 190, 220))
PANELS = ((205, 185, 160), (195, 190, 185), (175, 190, 205))
PAVINGS = ((165, 175, 190), (175, 170, 165), (150, 165, 185))
MARKS = ((232, 232, 232), (225, 235, 240), (110, 205, 235))
FENCE, BOARD = (150, 105, 40), (225, 157, 60)
DAYLIGHT = ((256, 256, 256), (225, 245, 256), (240, 225, 210))
LAMPLIGHT = ((120, 155, 185), (110, 140, 165), (135, 165, 180))


def render_scene(
    seed: int, size: tuple[int, int] = (192, 256)
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the street scene of a seed.

    The same seed gives the same pixels on every machine and in every process, and
    the same street, scaled, at every size.

    Args:
        seed: Any whole number from 0 up.
        size: Height and width in pixels, 32 or more each.

    Returns:
        The image (H, W, 3) in BGR, the order of OpenCV and mmcv, and its labels (H, W)
        with 255 for pixels to ignore; both uint8.

    Raises:
        ValueError: If the seed or the size is out of range or no whole number.
    """
    check_scene(seed, size)
    dice = Dice(int(seed))
    height, width = int(size[0]), int(size[1])
    canvas = Canvas(
        (height, width), width * dice(38, 62) // 100, height * dice(36, 48) // 100
    )
    covered = dice(0, 8) < 3
    panel = _panel(dice, height, width)
    canvas.labels[:] = Label.CEILING if covered else Label.SKY
    half_road = dice(330, 430)
    wall = half_road + dice(190, 320)
    draw_ground(canvas, dice, half_road)
    draw_walls(canvas, dice, wall, covered)
    draw_things(canvas, dice, half_road, wall, covered)
    light_scene(canvas, dice, panel, covered)
    edge = canvas.rows(1)
    for side in canvas.labels, canvas.labels.T:
        side[:edge] = side[-edge:] = IGNORE_INDEX
    return canvas.image, canvas.labels


def check_scene(seed: int, size: tuple[int, int]) -> None:
    """Raise ValueError unless ``render_scene`` can draw the scene."""
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f'The seed is {seed!r}: give a whole number from 0 up.')
    if np.shape(size) != (2,) or not all(
        isinstance(side, (int, np.integer)) and side >= 32 for side in size
    ):
        raise ValueError(
            f'The size is {size!r}: give (height, width), whole numbers from 32 up.'
        )


def draw_ground(canvas: Canvas, dice: Dice, half_road: int) -> None:
    """Draw paved sidewalks on both sides of a road with its kerbs and marks."""
    height, width = canvas.labels.shape
    horizon = canvas.horizon
    canvas.box((0, horizon), (width, height), dice.pick(PAVINGS), Label.SIDEWALK)
    for step in range(2, 16):
        row = horizon + canvas.rows(220) // step
        canvas.box((0, row), (width, row), (140, 150, 165), None)
    grey = dice(70, 100)
    for x, colour, label in (
        (half_road + 25, (205, 205, 205), Label.SIDEWALK),
        (half_road, (grey, grey, grey), Label.ROAD),
    ):
        canvas.fill([canvas.strip((-x, 0), (x, 0), 0, height * 2)], colour, label)
    marks = [
        canvas.strip((x - 13, 0), (x + 13, 0), canvas.rows(9), height * 2)
        for x in (45 - half_road, half_road - 45)
    ]
    for step in range(2, 24, 2):
        far, near = canvas.rows(430) // (step + 1), canvas.rows(430) // step
        marks.append(canvas.strip((-15, 0), (15, 0), far, near))
    colour = dice.pick(MARKS)
    canvas.fill(marks, colour, Label.LANE_MARK)
    if dice(0, 2) == 0:
        near = canvas.rows(dice(40, 80))
        stripes = [
            canvas.strip((x, 0), (x + 45, 0), near * 3 // 4, near)
            for x in range(80 - half_road, half_road - 110, 90)
        ]
        canvas.fill(stripes, colour, Label.LANE_MARK)


def draw_walls(canvas: Canvas, dice: Dice, wall: int, covered: bool) -> None:
    """Draw the houses on both sides, the far ones first, and what closes the street."""
    end, eaves = canvas.rows(7), dice(420, 560)
    for left in range(-8, 8):
        foot = canvas.at(left * 350, 0, end)
        top = canvas.at(left * 350 + 350, eaves if covered else dice(400, 1500), end)
        canvas.box(foot, top, shade(dice.pick(FACADES), 60), Label.BUILDING)
    for side in (-1, 1):
        far = end
        while far < canvas.labels.shape[0]:
            near = far * dice(20, 30) // 16 + 1
            if covered:
                draw_house(canvas, dice, side * wall, far, near, eaves, 0)
            elif dice(0, 5):
                height, rise = dice(380, 850), dice.pick((0, 150, 220))
                draw_house(canvas, dice, side * wall, far, near, height, rise)
            far = near


def draw_house(
    canvas: Canvas, dice: Dice, x: int, far: int, near: int, height: int, rise: int
) -> None:
    """Draw a house along the street: gable, front, roof and windows."""
    facade, side = dice.pick(FACADES), 1 if x > 0 else -1
    eaves, ridge = (x, height), (x + side * 200, height + rise)
    outer = x + side * 3000
    corners = (x, 0), eaves, ridge, (outer, height + rise), (outer, 0)
    gable = [canvas.at(*corner, near) for corner in corners]
    canvas.fill([gable], shade(facade, 80), Label.BUILDING)
    roof = canvas.strip(eaves, ridge, far, near)
    canvas.fill([roof], dice.pick(ROOFS), Label.BUILDING)
    front = canvas.strip((x, 0), eaves, far, near)
    canvas.fill([front], facade, Label.BUILDING)
    columns = dice(2, 4)

    def nearness(quarter: int) -> int:
        # Equal steps along the street are not equal steps on the screen.
        total = columns * 4
        return near * far * total // (near * (total - quarter) + far * quarter)

    windows = [
        canvas.strip((x, low), (x, low + 130), nearness(left), nearness(left + 2))
        for left in range(1, columns * 4, 4)
        for low in range(90, height - 200, 240)
    ]
    canvas.fill(windows, dice.pick(GLASS), None)


def draw_fence(canvas: Canvas, dice: Dice, x: int, near: int) -> None:
    """Draw one panel of a fence along the street, with four boards."""
    far = near * 13 // 16
    canvas.fill([canvas.strip((x, 0), (x, 105), far, near)], FENCE, Label.FENCE)
    for board in range(1, 8, 2):
        start = (far * (8 - board) + near * board) // 8
        end = start + max(1, (near - far) // 8)
        canvas.fill([canvas.strip((x, 8), (x, 85), start, end)], BOARD, None)


def draw_things(
    canvas: Canvas, dice: Dice, half_road: int, wall: int, covered: bool
) -> None:
    """Draw what stands in the street, the far things first."""
    kerb, middle = half_road + 70, (half_road + wall) // 2 + 20
    walk, lane = (kerb + 30, wall - 40), (150, 200)
    table = [
        (parts.draw_lamp, (2, 4), (kerb, kerb), (16, 60)),
        (parts.draw_sign, (1, 3), (kerb, kerb), (28, 64)),
        (parts.draw_person, (1, 5), walk, (26, 75)),
        (parts.draw_person, (0, 2), (0, half_road), (28, 70)),
        (parts.draw_car_from_behind, (0, 3), lane, (22, 80)),
        (parts.draw_car_from_aside, (0, 1), (0, 250), (24, 50)),
        (parts.draw_plant, (0, 0) if covered else (2, 6), (middle, wall), (16, 60)),
    ]
    things = [
        (canvas.rows(dice(*near)), draw, dice.pick((-1, 1)) * dice(*x))
        for draw, count, x, near in table
        for _ in range(dice(*count))
    ]
    near, side = canvas.rows(dice(60, 120)), dice.pick((-1, 1))
    if dice(0, 3):
        for _ in range(dice(8, 12)):
            things.append((near, draw_fence, side * (half_road + 45)))
            near = near * 13 // 16
    for near, draw, x in sorted(things, key=lambda thing: thing[0]):
        draw(canvas, dice, x, near)


def light_scene(canvas: Canvas, dice: Dice, panel: np.ndarray, covered: bool) -> None:
    """Add grain, set the light, and lay the panel where the scene is open above."""
    height, width = canvas.labels.shape
    gains = dice.pick(LAMPLIGHT if covered else DAYLIGHT)
    curve = np.arange(256)[:, None] * np.array(gains) >> 8
    image = cv2.LUT(canvas.image, curve.astype(np.uint8)[None])
    image = cv2.add(image, _crop(_grain(height, width), dice, height, width))
    open_above = canvas.labels == (Label.CEILING if covered else Label.SKY)
    canvas.image = cv2.copyTo(panel, open_above.astype(np.uint8), image)


def _panel(dice: Dice, height: int, width: int) -> np.ndarray:
    clouds = _crop(_clouds(height, width), dice, height, width)
    return clouds + np.array(dice.pick(PANELS), np.uint8)


def _crop(tile: np.ndarray, dice: Dice, height: int, width: int) -> np.ndarray:
    top, left = dice(0, 63), dice(0, 63)
    return tile[top : top + height, left : left + width]


@lru_cache(maxsize=4)
def _grain(height: int, width: int) -> np.ndarray:
    """Noise in blocks of 2 x 2, at least 64 rows and columns larger than a picture."""
    shape = height // 2 + 33, width // 2 + 33, 1
    noise = np.random.PCG64(1).random_raw(shape[0] * shape[1]).reshape(shape) % 4 * 6
    return noise.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1).repeat(3, axis=2)


@lru_cache(maxsize=4)
def _clouds(height: int, width: int) -> np.ndarray:
    """Soft streaks, 64 rows and columns larger than a picture."""
    shape = height + 64, width + 64
    noise = (np.random.PCG64(2).random_raw(shape[0] * shape[1]) % 256).reshape(shape)
    for axis, reach in ((0, 6), (1, 24)):
        noise = np.sum([np.roll(noise, step, axis) for step in range(reach)], axis=0)
    noise = (noise - noise.min()) * 12 // (noise.max() - noise.min()) * 4
    return noise.astype(np.uint8)[..., None].repeat(3, axis=2)
