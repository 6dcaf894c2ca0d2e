"""The service's answers as types, for its API document and its clients.

Times are seconds since 1970 if they are numbers, ISO 8601 if they are texts; both UTC. A client
refuses an answer without a field that its type requires. So a field that is added later is
NotRequired: older services do not have it.
"""

from tuner.client.answers.models import Ledger as Ledger
from tuner.client.answers.models import Model as Model
from tuner.client.answers.models import ModelDetails as ModelDetails
from tuner.client.answers.models import Models as Models
from tuner.client.answers.models import Predictions as Predictions
from tuner.client.answers.models import Promotion as Promotion
from tuner.client.answers.models import Proof as Proof
from tuner.client.answers.service import Act as Act
from tuner.client.answers.service import Acts as Acts
from tuner.client.answers.service import Data as Data
from tuner.client.answers.service import Deliveries as Deliveries
from tuner.client.answers.service import Delivery as Delivery
from tuner.client.answers.service import Disk as Disk
from tuner.client.answers.service import Hook as Hook
from tuner.client.answers.service import Hooks as Hooks
from tuner.client.answers.service import Job as Job
from tuner.client.answers.service import Jobs as Jobs
from tuner.client.answers.service import JobState as JobState
from tuner.client.answers.service import Machine as Machine
from tuner.client.answers.service import NewHook as NewHook
from tuner.client.answers.service import Problem as Problem
from tuner.client.answers.service import Sent as Sent
from tuner.client.answers.service import Upkeep as Upkeep
from tuner.client.answers.service import Waste as Waste
from tuner.client.answers.service import WasteFound as WasteFound
from tuner.client.answers.studies import Archived as Archived
from tuner.client.answers.studies import Comparison as Comparison
from tuner.client.answers.studies import Deletion as Deletion
from tuner.client.answers.studies import Metric as Metric
from tuner.client.answers.studies import Pair as Pair
from tuner.client.answers.studies import Studies as Studies
from tuner.client.answers.studies import Study as Study
from tuner.client.answers.studies import StudyRow as StudyRow
from tuner.client.answers.studies import Tags as Tags
from tuner.client.answers.studies import Trial as Trial
from tuner.client.answers.studies import Trials as Trials
