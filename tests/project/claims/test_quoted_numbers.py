"""Numbers in English, German and French, in digits and in words."""

import pytest

from goldenpath.project.claims.quoted_numbers import quoted_numbers, whole_number
from tests.project.claims.facts import faults_of


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.88 and .9 and 0,87", [0.88, 0.9, 0.87]),
        ("6,000 of 30'000 in 2026", [6000, 30000, 2026]),
        ("6 000 lignes, 1 234,5 euros", [6000, 1234.5]),
        ("1.234.567 Zeilen", [1234567]),
        ("88 % or 88 percent or 88 Prozent or 88 pour cent", [0.88] * 4),
        ("zero point eight eight", [0.88]),
        ("null Komma acht acht", [0.88]),
        ("zéro virgule quatre-vingt-huit", [0.88]),
        ("eighty-eight percent", [0.88]),
        ("eighty eight per cent", [0.88]),
        ("achtundachtzig Prozent", [0.88]),
        ("quatre-vingt-huit pour cent", [0.88]),
        ("nonante-neuf pour cent", [0.99]),
        ("hundred percent, cent pour cent, hundert Prozent", [1.0, 1.0, 1.0]),
        ("one of the two models has a point, cent by cent", []),
        ("0.88 300 rows", [0.88, 300]),
    ],
)
def test_the_numbers_of_a_text(text: str, values: list[float]) -> None:
    assert [each.value for each in quoted_numbers(text)] == pytest.approx(values)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12), ("6,000", 6000), ("6.000", 6000), ("6 000", 6000), ("30'000", 30000),
        ("twelve", 12), ("zwölf", 12), ("douze", 12), ("einundzwanzig", 21), ("vingt et un", 21),
        ("soixante-dix-neuf", 79), ("quatre-vingts", 80), ("septante-cinq", 75),
        ("ninety nine", 99),
        ("neunundneunzig", 99), ("dreissig", 30), ("many", None), ("", None),
    ],
)  # fmt: skip
def test_a_whole_number_in_words(text: str, value: int | None) -> None:
    assert whole_number(text) == value


@pytest.mark.parametrize(
    "claim",
    [
        "Die AUC beträgt 0,99.",
        "Eine Fläche unter der Kurve von 0,99.",
        "L'aire sous la courbe est de 0,99.",
        "Genauigkeit: neunundneunzig Prozent.",
        "L'exactitude est de quatre-vingt-dix-neuf pour cent.",
        "The AUC is zero point nine nine.",
        "An AUC of ninety-nine percent.",
        "Die AUC liegt bei mindestens 0,95.",
        "Die Annahmequote ist 95 Prozent.",
        "Un taux d'acceptation de 95 %.",
        "Das Modell wurde auf 50.000 Zeilen trainiert.",
        "Le modèle est entraîné sur 50 000 lignes.",
        "It was trained on 50 000 rows.",
        "Das Modell verwendet zwölf Merkmale.",
        "Le modèle utilise douze variables.",
    ],
)
def test_a_false_claim_in_another_language_is_named(claim: str) -> None:
    assert faults_of(claim), claim


@pytest.mark.parametrize(
    "claim",
    [
        "Die AUC beträgt 0,88.",
        "L'aire sous la courbe est de 0,88.",
        "The AUC is zero point eight eight.",
        "Die AUC liegt bei achtundachtzig Prozent.",
        "Genauigkeit: 91 Prozent.",
        "Der Vorgänger hatte eine AUC von 0,81.",
        "Le modèle précédent avait une AUC de 0,81.",
        "Wenn die AUC unter 0,80 fällt, wird ein Alarm ausgelöst.",
        "Si l'AUC tombe sous 0,80, une alarme est levée.",
        "Die AUC muss mindestens 0,85 betragen.",
        "Die AUC liegt zwischen 0,85 und 0,9.",
        "Das Modell wurde auf 24.000 Zeilen trainiert.",
        "Le modèle est entraîné sur 24 000 lignes.",
        "Das Modell verwendet sechs Merkmale.",
        "Zwei Personen lesen jeden zehnten Fall noch einmal.",
        "Un analyste sur deux relit le dossier.",
    ],
)
def test_a_true_sentence_in_another_language_passes(claim: str) -> None:
    assert faults_of(claim) == [], claim
