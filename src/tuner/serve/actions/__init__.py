"""Users' actions on studies and models, from a page or the API: checked, done, and recorded.

`studies` submits and steers studies, `changes` measures which change made the difference, `models`
retrains and promotes models, and `tidying` archives and deletes. `noting` records who did it.
"""

from tuner.serve.actions.changes import ablate as ablate
from tuner.serve.actions.models import promote as promote
from tuner.serve.actions.models import retrain as retrain
from tuner.serve.actions.models import roll_back as roll_back
from tuner.serve.actions.studies import LONGEST_KEY as LONGEST_KEY
from tuner.serve.actions.studies import add_try as add_try
from tuner.serve.actions.studies import begin_child as begin_child
from tuner.serve.actions.studies import change_total as change_total
from tuner.serve.actions.studies import prioritise as prioritise
from tuner.serve.actions.studies import steer as steer
from tuner.serve.actions.studies import submit as submit
from tuner.serve.actions.tidying import archive as archive
from tuner.serve.actions.tidying import clean as clean
from tuner.serve.actions.tidying import delete as delete
from tuner.serve.actions.tidying import set_upkeep as set_upkeep
from tuner.serve.actions.tidying import tag as tag
