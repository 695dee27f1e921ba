"""The look of every figure: one palette, one size and the plotly template "brainlib".

The first five colours keep a contrast of 3:1 on white and on the page's dark ground, and can be told apart with any of
the common colour vision deficiencies. The page replaces ink and grid by those of its theme.
"""

from brainlib.extras import extra

COLOURS = {  # Okabe and Ito's hues; the two that are lost on white come last
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "grey": "#7F7F7F",
    "sky": "#56B4E9",
    "orange": "#E69F00",
}
WIDE = {"width": 760, "height": 340}  # the text column, pixels

INK = "#737373"  # readable on white and on black: a live notebook does not say which it has
GRID = "rgba(127,127,127,0.25)"
CLEAR = "rgba(0,0,0,0)"
FONT = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"
DIVERGING = [[0, COLOURS["blue"]], [0.5, "#F7F7F7"], [1, COLOURS["vermillion"]]]


def use_template() -> None:
    """Registers the plotly template "brainlib" and makes it the default of new figures."""
    with extra("notebook"):
        import plotly.io

    plotly.io.templates["brainlib"] = template()
    plotly.io.templates.default = "brainlib"


def template() -> dict:
    """The template as plain JSON-ready data: `layout` for the frame, `data` for defaults of traces."""
    axis = {
        "automargin": True, "gridcolor": GRID, "linecolor": INK, "showline": True, "tickcolor": INK, "ticklen": 4,
        "ticks": "outside", "title": {"font": {"size": 14}, "standoff": 8}, "zeroline": False,
    }  # fmt: skip
    colorbar = {"outlinewidth": 0, "thickness": 12, "ticklen": 4, "tickcolor": INK, "ticks": "outside"}
    colored = {"colorbar": colorbar, "colorscale": "Cividis"}
    layout = {
        "colorscale": {"diverging": DIVERGING, "sequential": "Cividis", "sequentialminus": "Cividis"},
        "colorway": list(COLOURS.values()),
        "coloraxis": {"colorbar": colorbar},
        "font": {"color": INK, "family": FONT, "size": 14},
        "hoverlabel": {"align": "left"},
        "legend": {"bgcolor": CLEAR, "orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        "margin": {"b": 48, "l": 56, "r": 16, "t": 24},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "title": {"font": {"size": 15}, "x": 0, "xanchor": "left"},
        "xaxis": axis | {"showgrid": False},
        "yaxis": axis,
    }
    return {"data": {"heatmap": [colored], "contour": [colored]}, "layout": layout}
