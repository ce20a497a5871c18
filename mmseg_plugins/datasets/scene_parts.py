"""The objects of a street scene, and the canvas they are drawn on.

All arithmetic is on integers, and every shape is one that OpenCV fills without rounding
fractions, so the same calls give the same pixels on every machine. Colours are BGR.
"""

from enum import IntEnum
from typing import Any

import cv2
import numpy as np

Label = IntEnum(
    'Label',
    'ROAD SIDEWALK LANE_MARK BUILDING CEILING SKY '
    'VEGETATION FENCE POLE SIGN PERSON CAR',
    start=0,
)
IGNORE_INDEX = 255

#: Height of the camera above the ground, in cm.
CAMERA = 256

Colour = tuple[int, ...]
Point = tuple[int, int]

LEAVES = ((35, 95, 45), (30, 110, 70), (50, 120, 40), (25, 80, 30))
PAINTS = ((40, 30, 190), (180, 80, 30), (215, 215, 215), (30, 170, 215), (45, 40, 40))
CLOTHES = ((190, 60, 40), (40, 40, 190), (40, 190, 210), (150, 50, 150), (60, 50, 45))
SKINS = ((130, 165, 215), (80, 115, 165), (45, 65, 100))
METALS = ((85, 80, 75), (70, 85, 65), (120, 115, 110))
WINDOW = (110, 90, 70)
WHITE, BLACK, RED = (235, 235, 235), (25, 25, 25), (35, 30, 205)

# Clumps of leaves: cm to the right, cm above the ground, radius in cm.
TREE = ((-80, 300, 105), (80, 310, 105), (0, 290, 110), (-40, 390, 105), (45, 400, 105))
BUSH = ((-60, 45, 55), (60, 45, 55), (0, 50, 60))


def shade(colour: Colour, percent: int) -> Colour:
    """Return ``colour`` at a percentage of its brightness."""
    return tuple(min(255, part * percent // 100) for part in colour)


class Dice:
    """Random integers from a seed, by a bit stream that NumPy promises to keep."""

    def __init__(self, seed: int) -> None:
        self._draw = np.random.PCG64(seed).random_raw

    def __call__(self, low: int, high: int) -> int:
        """Draw an integer from ``low`` to ``high``, both included."""
        return low + self._draw() % (high - low + 1)

    def pick(self, options: tuple) -> Any:
        """Draw one of ``options``."""
        return options[self._draw() % len(options)]


class Canvas:
    """An image and its labels, drawn together in the perspective of a driver.

    Distance is given as ``near``, the rows from the horizon down to the foot of an
    object. A point ``x`` cm right of the camera and ``y`` cm above the ground is seen
    ``x * near / CAMERA`` columns right of the vanishing point and
    ``(CAMERA - y) * near / CAMERA`` rows below it.
    """

    def __init__(self, size: tuple[int, int], vanish_x: int, horizon: int) -> None:
        self.pixels: np.ndarray = np.zeros((*size, 4), np.uint8)  # B, G, R, label
        self.vanish_x, self.horizon = vanish_x, horizon

    def rows(self, count: int) -> int:
        """Scale a number of rows from a height of 192 to this one; at least 1."""
        return max(1, count * len(self.pixels) // 192)

    def at(self, x: int, y: int, near: int) -> Point:
        """Return the column and row where a point in cm is seen."""
        column = self.vanish_x + x * near // CAMERA
        return column, self.horizon + (CAMERA - y) * near // CAMERA

    def fill(self, corners: list[Point], colour: Colour, label: int) -> None:
        """Fill a convex shape."""
        # Not fillPoly: its pixels changed between OpenCV 4.8 and 4.11.
        cv2.fillConvexPoly(self.pixels, np.array(corners, np.int32), (*colour, label))

    def box(self, start: Point, end: Point, colour: Colour, label: int) -> None:
        """Fill an upright rectangle, both corners included."""
        cv2.rectangle(self.pixels, start, end, (*colour, label), cv2.FILLED)

    def strip(
        self, a: Point, b: Point, far: int, near: int, colour: Colour, label: int
    ) -> None:
        """Fill a strip that runs along the street between two points in cm."""
        corners = (a, far), (b, far), (b, near), (a, near)
        self.fill([self.at(x, y, row) for (x, y), row in corners], colour, label)


class Figure:
    """An object that faces the camera, drawn in cm from the middle of its foot."""

    def __init__(self, canvas: Canvas, x: int, near: int, label: int) -> None:
        self.canvas, self.near, self.label = canvas, near, label
        self.foot = canvas.at(x, 0, near)

    def point(self, x: int, y: int) -> Point:
        """Return the column and row of a point in cm."""
        column, row = self.foot
        return column + x * self.near // CAMERA, row - y * self.near // CAMERA

    def box(self, left: int, low: int, right: int, high: int, colour: Colour) -> None:
        """Fill a rectangle given by its edges in cm."""
        corners = self.point(left, low), self.point(right, high)
        self.canvas.box(*corners, colour, self.label)

    def fill(self, corners: list[Point], colour: Colour) -> None:
        """Fill a convex shape with corners in cm."""
        self.canvas.fill([self.point(x, y) for x, y in corners], colour, self.label)

    def disc(self, x: int, y: int, radius: int, colour: Colour) -> None:
        """Fill a disc given in cm."""
        centre, radius = self.point(x, y), max(1, radius * self.near // CAMERA)
        paint = (*colour, self.label)
        cv2.circle(self.canvas.pixels, centre, radius, paint, cv2.FILLED)

    def post(self, height: int, colour: Colour) -> None:
        """Draw a pole, at least 3 columns wide in a picture of 192 rows."""
        column, row = self.foot
        width = max(self.canvas.rows(3), 20 * self.near // CAMERA)
        left, top = column - width // 2, self.point(0, height)[1]
        self.canvas.box((left, top), (left + width - 1, row), colour, Label.POLE)


def draw_plant(canvas: Canvas, dice: Dice, x: int, near: int) -> None:
    """Draw a tree, or one time in three a bush, as clumps of leaves."""
    plant, leaf = Figure(canvas, x, near, Label.VEGETATION), dice.pick(LEAVES)
    clumps = dice.pick((TREE, TREE, BUSH))
    if clumps is TREE:
        plant.box(-14, 0, 14, 260, (40, 60, 85))
    for side, height, radius in clumps:
        plant.disc(side, height, radius + dice(-20, 20), shade(leaf, dice(80, 125)))


def draw_lamp(canvas: Canvas, dice: Dice, x: int, near: int) -> None:
    """Draw a lamp post whose arm reaches over the road."""
    lamp, height = Figure(canvas, x, near, Label.POLE), dice(480, 620)
    metal, reach = dice.pick(METALS), -150 if x > 0 else 150
    lamp.post(height, metal)
    lamp.box(min(0, reach), height - 20, max(0, reach), height, metal)
    lamp.box(reach - 30, height - 35, reach + 30, height, shade(metal, 150))


def draw_sign(canvas: Canvas, dice: Dice, x: int, near: int) -> None:
    """Draw a traffic sign on its post: round, square, diamond or triangle."""
    sign, kind = Figure(canvas, x, near, Label.SIGN), dice(0, 3)
    sign.post(220, dice.pick(METALS))
    if kind == 0:
        sign.disc(0, 265, 55, RED)
        sign.disc(0, 265, 34, WHITE)
    elif kind == 1:
        sign.box(-50, 215, 50, 315, (190, 90, 20))
        sign.box(-15, 235, 15, 295, WHITE)
    elif kind == 2:
        sign.fill([(0, 205), (62, 267), (0, 329), (-62, 267)], WHITE)
        sign.fill([(0, 217), (50, 267), (0, 317), (-50, 267)], (20, 200, 240))
    else:
        sign.fill([(-65, 210), (65, 210), (0, 325)], RED)
        sign.fill([(-38, 226), (38, 226), (0, 294)], WHITE)


def draw_person(canvas: Canvas, dice: Dice, x: int, near: int) -> None:
    """Draw legs, arms, body and head."""
    person = Figure(canvas, x, near, Label.PERSON)
    person.near = near * dice(85, 110) // 100
    coat, trousers = dice.pick(CLOTHES), shade(dice.pick(CLOTHES), 55)
    skin, step = dice.pick(SKINS), dice(3, 16)
    for side in (-1, 1):
        foot, hip = side * (9 + step), side * 11
        leg = [(foot - 9, 0), (foot + 9, 0), (hip + 11, 85), (hip - 11, 85)]
        person.fill(leg, trousers)
        arm = [(side * 26, 138), (side * 38, 85), (side * 30, 85), (side * 16, 138)]
        person.fill(arm, shade(coat, 80))
    person.box(-25, 80, 25, 145, coat)
    person.disc(0, 162, 17, skin)
    person.box(-14, 168, 14, 178, (30, 35, 45))


def draw_car_from_behind(canvas: Canvas, dice: Dice, x: int, near: int) -> None:
    """Draw a car that drives ahead: rear window, body, plate, wheels, lights."""
    car, paint = Figure(canvas, x, near, Label.CAR), dice.pick(PAINTS)
    car.fill([(-82, 90), (82, 90), (62, 150), (-62, 150)], paint)
    car.fill([(-70, 95), (70, 95), (54, 142), (-54, 142)], WINDOW)
    car.box(-92, 22, 92, 95, paint)
    car.box(-92, 22, 92, 38, shade(paint, 50))
    car.box(-24, 48, 24, 64, WHITE)
    for side in (-1, 1):
        car.box(side * 72 - 16, 0, side * 72 + 16, 30, BLACK)
        car.box(side * 77 - 15, 66, side * 77 + 15, 84, RED)


def draw_car_from_aside(canvas: Canvas, dice: Dice, x: int, near: int) -> None:
    """Draw a car that crosses the street: cabin, two windows, body, wheels."""
    car, paint = Figure(canvas, x, near, Label.CAR), dice.pick(PAINTS)
    ahead = dice.pick((-1, 1))
    for colour, *corners in (
        (paint, (-150, 85), (110, 85), (55, 148), (-110, 148)),
        (WINDOW, (-130, 90), (-30, 90), (-30, 138), (-102, 138)),
        (WINDOW, (-18, 90), (88, 90), (48, 138), (-18, 138)),
        (paint, (-210, 28), (210, 28), (205, 75), (110, 92), (-205, 92)),
    ):
        car.fill([(ahead * side, height) for side, height in corners], colour)
    for wheel in (-130, 130):
        car.disc(wheel, 34, 36, BLACK)
        car.disc(wheel, 34, 17, (170, 170, 170))
