"""How the window looks: the colours of the page, light and dark, for Qt's own Fusion style."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPalette
from PySide6.QtWidgets import QApplication

APPEARANCES = ("as_system", "light", "dark")
ICON = Path(__file__).parent / "vigie.svg"

STAGE, STAGE_INK, STAGE_SOFT, STAGE_LINE = "#0c1116", "#eef2f6", "#aab6c3", "#2c3742"
"""The stage is dark in both: video is judged best against a dark surround."""

ALARM, CAUTION, GOOD = "#d62a31", "#f0b84a", "#55c78c"
"""On the stage and as dots, in both."""


@dataclass(frozen=True, slots=True)
class Colours:
    """The same names as in ``static/styles/tokens.css``."""

    ground: str
    surface: str
    sunken: str
    line: str
    line_strong: str
    ink: str
    ink_soft: str
    accent: str
    accent_hover: str
    on_accent: str
    alarm_ink: str
    caution_ink: str


LIGHT = Colours(
    *("#f3f5f7", "#ffffff", "#e9edf1", "#d8dee5", "#8b96a3", "#131920", "#51606f"),
    *("#0b5d7a", "#094c64", "#ffffff", "#c3171f", "#8a5a00"),
)
DARK = Colours(
    *("#0f1419", "#171e25", "#222b34", "#2b3640", "#6d7b89", "#e9eef3", "#a3b0bd"),
    *("#63c0e2", "#8bd2ec", "#07222d", "#ff8f8f", "#f0b84a"),
)


def wear(app: QApplication, appearance: str) -> Colours:
    """Put the look on; returns the colours in use."""
    dark = appearance == "dark" or (
        appearance == "as_system" and QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark
    )
    colours = DARK if dark else LIGHT
    app.setStyle("Fusion")
    app.setPalette(_palette(colours))
    app.setStyleSheet(_sheet(colours))
    return colours


def icon() -> QIcon:
    """The application's sign."""
    return QIcon(str(ICON))


def _palette(colours: Colours) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    for name, value in (
        (role.Window, colours.ground),
        (role.WindowText, colours.ink),
        (role.Base, colours.surface),
        (role.AlternateBase, colours.sunken),
        (role.Text, colours.ink),
        (role.PlaceholderText, colours.ink_soft),
        (role.Button, colours.surface),
        (role.ButtonText, colours.ink),
        (role.ToolTipBase, colours.surface),
        (role.ToolTipText, colours.ink),
        (role.Highlight, colours.accent),
        (role.HighlightedText, colours.on_accent),
        (role.Link, colours.accent),
        (role.Accent, colours.accent),
        (role.Mid, colours.line),
        (role.Dark, colours.line_strong),
        (role.Light, colours.surface),
    ):
        palette.setColor(name, QColor(value))
    for name in (role.Text, role.WindowText, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, QColor(colours.line_strong))
    return palette


def _tick(of: Colours) -> str:
    return (ICON.parent / f"tick-{'light' if of is LIGHT else 'dark'}.svg").as_posix()


def _sheet(of: Colours) -> str:
    return f"""
QMainWindow, QDialog {{ background: {of.ground}; }}
QPushButton, QToolButton {{ border: 1px solid {of.line}; border-radius: 6px; padding: 6px 14px;
  background: {of.surface}; color: {of.ink}; }}
QPushButton:hover, QToolButton:hover {{ border-color: {of.line_strong}; }}
QPushButton:focus, QToolButton:focus, QLineEdit:focus {{ border: 2px solid {of.accent}; padding: 5px 13px; }}
QPushButton:pressed, QToolButton:pressed, QToolButton:checked {{ background: {of.sunken}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {of.line_strong}; background: {of.ground}; }}
QPushButton[main="true"] {{ background: {of.accent}; border-color: {of.accent}; color: {of.on_accent};
  font-weight: 600; }}
QPushButton[main="true"]:hover {{ background: {of.accent_hover}; }}
QPushButton[main="true"]:disabled {{ background: {of.sunken}; border-color: {of.line}; color: {of.line_strong}; }}
QPushButton[compact="true"] {{ padding: 3px 12px; }}
QPushButton[compact="true"]:focus {{ padding: 2px 11px; }}
QToolButton::menu-indicator {{ image: none; width: 0; }}
QLineEdit {{ border: 1px solid {of.line_strong}; border-radius: 6px; padding: 6px 14px; background: {of.surface}; }}
QLineEdit:focus {{ padding: 5px 13px; }}
QListWidget {{ border: 1px solid {of.line}; border-radius: 8px; background: {of.surface}; outline: 0; }}
QListWidget::item {{ border-bottom: 1px solid {of.line}; padding: 8px; color: {of.ink}; }}
QListWidget::item:selected {{ background: {of.sunken}; color: {of.ink}; }}
QTabBar::tab {{ padding: 9px 18px; color: {of.ink_soft}; border-bottom: 2px solid transparent; }}
QTabBar::tab:selected {{ color: {of.ink}; border-bottom: 2px solid {of.accent}; font-weight: 600; }}
QTabBar::tab:focus {{ color: {of.accent}; }}
QTabWidget::pane {{ border: 0; }}
QLabel[soft="true"] {{ color: {of.ink_soft}; }}
QLabel[heading="true"] {{ font-weight: 600; }}
QLabel[large="true"] {{ font-size: 19px; font-weight: 600; }}
QLabel[problem="true"] {{ color: {of.alarm_ink}; }}
QFrame[card="true"] {{ background: {of.surface}; border: 1px solid {of.line}; border-radius: 12px; }}
QSplitter::handle {{ background: transparent; }}
QStatusBar {{ border-top: 1px solid {of.line}; color: {of.ink_soft}; }}
QStatusBar::item {{ border: 0; }}
QMenuBar {{ background: {of.ground}; }}
QMenuBar::item:selected, QMenu::item:selected {{ background: {of.sunken}; color: {of.ink}; }}
QMenu {{ background: {of.surface}; border: 1px solid {of.line}; padding: 4px; }}
QMenu::item {{ padding: 6px 24px; }}
QMenu::item:disabled {{ color: {of.line_strong}; }}
QToolTip {{ background: {of.surface}; color: {of.ink}; border: 1px solid {of.line}; padding: 4px; }}
QCheckBox::indicator {{ width: 14px; height: 14px; border: 1px solid {of.line_strong}; border-radius: 3px;
  background: {of.surface}; }}
QCheckBox::indicator:checked {{ background: {of.accent}; border-color: {of.accent}; image: url({_tick(of)}); }}
QCheckBox:focus {{ color: {of.accent}; }}
QSlider::groove:horizontal {{ height: 4px; border-radius: 2px; background: {of.line}; }}
QSlider::sub-page:horizontal {{ height: 4px; border-radius: 2px; background: {of.accent}; }}
QSlider::handle:horizontal {{ width: 12px; height: 12px; margin: -5px 0; border-radius: 7px;
  border: 1px solid {of.line_strong}; background: {of.surface}; }}
QSlider::handle:horizontal:focus {{ border: 2px solid {of.accent}; margin: -6px 0; }}
QProgressBar {{ border: 1px solid {of.line}; border-radius: 6px; background: {of.sunken}; text-align: center; }}
QProgressBar::chunk {{ background: {of.accent}; border-radius: 5px; }}
"""
