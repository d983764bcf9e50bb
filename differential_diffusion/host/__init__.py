"""The WebUI around us: the only place that imports `modules.*` or tells one WebUI from another.

`callbacks` is what happens when, `run` the life of one run, `results` its pictures, `refusals` how its errors reach
their reader; `geometry` is where the picture lies meanwhile, `script_choice` is about the scripts of the tab, `tiles`
about runs that make only a part of a picture, `masks` what the host takes for its inpaint mask, `grey_masks` what some
hosts do to that before, `latents` what the autoencoder makes of pictures and `lost_texture` what it loses, `samplers`
what is known of the sampler, `axes` the X/Y/Z plot, `requests` the API, `uploads` the page's files, `maps` those that
are kept. `makers` makes maps for pictures: `prompt_maps` asks the model, `preprocessors` the host's; `map_requests`
makes them without a run. What is changed of a run is changed through `patches`, which put it back.
"""

from .axes import add_plot_axes
from .callbacks import FAN_TICKETS, begin, composite, end, finish_picture, give_back_texture, look_at
from .grey_masks import keep_greys
from .map_requests import make_for_page, make_maps
from .maps import add_options, give_back
from .preprocessors import names as preprocessor_names
from .refusals import hand_on
from .requests import check_requests
from .samplers import idle_steps
from .script_choice import DROPDOWN, said_of
from .tiles import keep_given, mark_tiles
from .uploads import read_uploads

__all__ = [
    "DROPDOWN",
    "FAN_TICKETS",
    "add_options",
    "add_plot_axes",
    "begin",
    "check_requests",
    "composite",
    "end",
    "finish_picture",
    "give_back",
    "give_back_texture",
    "hand_on",
    "idle_steps",
    "keep_given",
    "keep_greys",
    "look_at",
    "make_for_page",
    "make_maps",
    "mark_tiles",
    "preprocessor_names",
    "read_uploads",
    "said_of",
]
