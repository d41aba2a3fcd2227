"""PromptBench: a query budget set in `prompt_attack.attack_config` never reaches the attack."""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types


class Stand(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Empty modules with empty classes for what the attacks build on: nothing of it matters here."""

    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in ("textattack", "torch", "lru"):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__getattr__ = lambda name: type(name, (), {"__init__": lambda self, *a, **k: None})
        return module

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, Stand())
# The package without running its own __init__, which imports every model and data set that it knows.
spec = importlib.util.find_spec("promptbench")
sys.modules["promptbench"] = importlib.util.module_from_spec(spec)

from promptbench import prompt_attack  # noqa: E402

prompt_attack.attack_config["goal_function"]["query_budget"] = 12
attack = prompt_attack.Attack(None, "semantic", "sst2", "", None, ["positive", "negative"], verbose=False)
budget = attack.goal_function.query_budget
print("expected: 12, the budget that was set in promptbench.prompt_attack.attack_config")
print(f"observed: {budget} in the goal function that the attack searches with")
if budget != 12:
    raise SystemExit(3)
