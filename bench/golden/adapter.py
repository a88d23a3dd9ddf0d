"""LoRA adapters merged into their base by PEFT's published rules, in float64 on NumPy.

    python3 adapter.py TINY DIR [DIR ...]  compare DIR/golden.json with what the merged decoder says
    python3 adapter.py --make TINY DIR     write the adapters of ADAPTERS with their golden.json into DIR

TINY is the folder of the bases (tensor/fixture/testdata/tiny). The rules are those of PEFT's LoRA:

    weight of a module + scaling * B @ A, scaling = alpha / r, with use_rslora alpha / sqrt(r)
    names: base_model.model.<module>.lora_A.weight [r, in], .lora_B.weight [out, r]
    target_modules, exclude_modules: ends of module names, or one expression for the whole name
    layers_to_transform: the layers among them
    rank_pattern, alpha_pattern: expressions for ends of module names, the first that fits counts
"""
import json
import math
import os
import re
import sys

import numpy as np

import decoder
import make

PREFIX = "base_model.model."

# Name, base, type of the tensors, fields over those of PEFT's own files.
ADAPTERS = [
    ("plain", "llama2", "F32", dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])),
    ("rslora-all-linear", "qwen2-window", "BF16", dict(r=3, lora_alpha=5, use_rslora=True, target_modules=[
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])),
    ("patterns", "llama-biases", "F16", dict(
        r=4, lora_alpha=6.5, target_modules=r".*\.(self_attn\.[qvo]|mlp\.(gate|down))_proj", exclude_modules=["v_proj"],
        rank_pattern={"layers.1.self_attn.q_proj": 2, "down_proj": 7}, alpha_pattern={r"0\.mlp\..*": 12})),
    ("second-layer", "qwen3-moe-fine", "F32", dict(r=2, lora_alpha=16, target_modules=["k_proj", "o_proj"],
                                                   layers_to_transform=[1])),
]

DEFAULTS = dict(peft_type="LORA", task_type="CAUSAL_LM", bias="none", fan_in_fan_out=False, inference_mode=True,
                use_rslora=False, use_dora=False, lora_dropout=0.0, layers_to_transform=None, rank_pattern={},
                alpha_pattern={}, exclude_modules=None)


def named(said, module):
    if isinstance(said, str):
        return re.fullmatch(said, module) is not None
    return any(module == end or module.endswith("." + end) for end in said or [])


def pattern(patterns, module, otherwise):
    for key, value in patterns.items():
        if re.match(r"(.*\.)?(%s)$" % key, module):
            return value
    return otherwise


def of(c, module):
    """Returns rank and scaling of a module, or None if it has no adapter."""
    if not named(c["target_modules"], module) or named(c["exclude_modules"], module):
        return None
    layer = re.match(r".*\.layers\.(\d+)\.", "." + module)
    if c["layers_to_transform"] is not None and not (layer and int(layer[1]) in c["layers_to_transform"]):
        return None
    r = pattern(c["rank_pattern"], module, c["r"])
    alpha = pattern(c["alpha_pattern"], module, c["lora_alpha"])
    return r, alpha / (math.sqrt(r) if c["use_rslora"] else r)


def read(folder):
    with open(os.path.join(folder, "adapter_config.json")) as f:
        return json.load(f), decoder.read_tensors(folder)


def merged(tiny, folder):
    """Returns the decoder of the base with the adapters of a folder in its weights."""
    c, t = read(folder)
    d = decoder.Decoder(os.path.join(tiny, c["base_model_name_or_path"]))
    left = set(t)
    for name in d.t:
        module = name[:-len(".weight")]
        lora = of(c, module) if name.endswith(".weight") else None
        if lora is None:
            continue
        a, b = PREFIX + module + ".lora_A.weight", PREFIX + module + ".lora_B.weight"
        r, scaling = lora
        if len(t[a]) != r or t[b].shape[1] != r:
            raise ValueError("%s has not rank %d" % (a, r))
        d.t[name] = d.t[name] + scaling * t[b] @ t[a]
        left -= {a, b}
    if left:
        raise ValueError("no module for %s" % sorted(left))
    return d


def make_all(tiny, top):
    for seed, (name, base, dtype, fields) in enumerate(ADAPTERS):
        folder = os.path.join(top, name)
        os.makedirs(folder, exist_ok=True)
        c = dict(DEFAULTS, base_model_name_or_path=base, **fields)
        with open(os.path.join(folder, "adapter_config.json"), "w") as f:
            json.dump(c, f, indent=1)
        random = np.random.RandomState(seed)
        tensors = {}
        for weight, shape in sorted(make.shapes(decoder.read_config(os.path.join(tiny, base))).items()):
            module = weight[:-len(".weight")]
            lora = of(c, module) if weight.endswith(".weight") else None
            if lora is not None:  # the two together change the matrix and do not drown it
                r = lora[0]
                tensors[PREFIX + module + ".lora_A.weight"] = random.standard_normal((r, shape[1])) / shape[1] ** 0.5
                tensors[PREFIX + module + ".lora_B.weight"] = random.standard_normal((shape[0], r)) / 8
        make.write_tensors(os.path.join(folder, "adapter_model.safetensors"), tensors, dtype)
        d = merged(tiny, folder)
        ids = [int(i) for i in random.randint(0, d.c["vocab_size"], 40)]
        with open(os.path.join(folder, "golden.json"), "w") as f:
            json.dump(d.golden(ids), f)


if __name__ == "__main__":
    if sys.argv[1] == "--make":
        make_all(sys.argv[2], sys.argv[3])
    elif not all([decoder.compare(folder, merged(sys.argv[1], folder)) for folder in sys.argv[2:]]):
        sys.exit(1)
