from __future__ import annotations

import pytest

from pipeline.data.catalog.labels import Similar, difference, similar


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("Cat", "cat", "case"),
        ("STRASSE", "straße", "case"),
        ("cat ", "cat", "space"),
        ("hot dog", "hotdog", "space"),
        ("hot_dog", "hot-dog", "space"),
        ("class 1", "class1", "space"),
        ("caf\u00e9", "cafe\u0301", "Unicode form"),
        ("\ufb01sh", "fish", "Unicode form"),
        ("ｃａｔ", "cat", "Unicode form"),
        ("cat\u200b", "cat", "invisible characters"),
        ("daisy", "dasy", "one letter"),
        ("daisy", "daissy", "one letter"),
        ("daisy", "daizy", "one letter"),
        ("Daisy", "daizy", "one letter"),
        ("tulip", "tul\u0456p", "one letter"),  # a Cyrillic i
        ("red tulip 1", "red tullip 1", "one letter"),
        ("tulip", "tulips", "plural"),
        ("cat", "cats", "plural"),
        ("box", "boxes", "plural"),
    ],
)
def test_two_spellings_of_one_label_are_found(one: str, other: str, how: str) -> None:
    assert difference(one, other) == difference(other, one) == how
    assert similar({one: 1, other: 2}) == [Similar(tuple(sorted((one, other))), other, how)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cat", "dog"),
        ("cat", "car"),
        ("car", "cart"),
        ("a", "A"),  # handwritten letters
        ("b", "d"),
        ("I", "l"),
        ("house", "mouse"),
        ("class1", "class2"),
        ("class 1 2", "class 12"),
        ("1 2", "12"),
        ("-1", "1"),
        ("class_a", "class_b"),
        ("grade A", "grade B"),
        ("n01440764", "n01440765"),
        ("rose red", "roses reds"),
        ("as", "a"),
        ("plate", "planet"),
        ("0", "00"),
    ],
)
def test_different_labels_stay_apart(one: str, other: str) -> None:
    assert difference(one, other) is None
    assert similar({one: 1, other: 2}) == []


def test_classes_of_published_sets_stay_apart() -> None:
    cifar10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    clothes = ["T-shirt-top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
    letters = [chr(code) for start in "aA" for code in range(ord(start), ord(start) + 26)]
    for labels in (cifar10, clothes, letters, [str(number) for number in range(-20, 200)]):
        assert similar(dict.fromkeys(labels, 1)) == []


def test_the_spelling_with_most_images_is_kept_and_the_first_of_equals() -> None:
    assert [group.canonical for group in similar({"Cat": 2, "cat": 9, "cats": 1, "Dog": 5, "dog": 5})] == ["cat", "Dog"]


def test_what_looks_like_one_of_a_group_belongs_to_it() -> None:
    (group,) = similar({"tulip": 5, "Tulip": 1, "tulips": 1, "tullips": 1, "rose": 3})
    assert group.labels == ("Tulip", "tulip", "tulips", "tullips")
    assert group.how == "case, one letter, plural"


def test_many_labels_take_no_longer_than_they_must() -> None:
    labels = {f"person {number:05}": 1 for number in range(2000)}
    assert similar(labels) == []
