package gguf

import (
	"regexp"
	"strings"

	"spell/model"
)

// parts are the names of a block's parameters in Hugging Face's spelling and in llama.cpp's.
var parts = map[string]string{
	"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
	"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
	"self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
	"mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
	"mlp.gate": "ffn_gate_inp", "mlp.experts.gate_proj": "ffn_gate_exps", "mlp.experts.up_proj": "ffn_up_exps",
	"mlp.experts.down_proj": "ffn_down_exps",
}

// inBlock matches the names of a block's parameters: the block's number, the part, weight or bias.
var inBlock = regexp.MustCompile(`^model\.layers\.(\d+)\.(.+)\.(weight|bias)$`)

// Name returns llama.cpp's name of a parameter, "" if it has none.
func Name(param string) string {
	switch param {
	case "model.embed_tokens.weight":
		return "token_embd.weight"
	case "model.norm.weight":
		return "output_norm.weight"
	case "lm_head.weight":
		return "output.weight"
	}
	m := inBlock.FindStringSubmatch(param)
	if m == nil || parts[m[2]] == "" {
		return ""
	}
	return "blk." + m[1] + "." + parts[m[2]] + "." + m[3]
}

// isMatrix reports whether a parameter is one of those that files of a type have in this type; the others
// are F32 in all files.
func isMatrix(s model.Shape) bool {
	return s.Kind != model.Norm && s.Kind != model.Bias && s.Kind != model.Router
}

// interleaved reports whether a parameter has its rows in another order in files of an architecture.
// llama.cpp rotates neighbouring components of the heads of Llama, and components half a head apart,
// as Hugging Face does, of all others.
func interleaved(architecture, param string) bool {
	return architecture == "llama" && (strings.Contains(param, ".q_proj.") || strings.Contains(param, ".k_proj."))
}

// rowInFile returns the row in a file of row i of an interleaved parameter, with heads of dim rows.
func rowInFile(i, dim int) int {
	head, at := i/dim, i%dim
	return head*dim + at%(dim/2)*2 + at/(dim/2)
}

// shapeInFile returns the shape of a parameter in a file.
func shapeInFile(s model.Shape) []int {
	if s.Kind == model.Norm || s.Kind == model.Bias {
		return []int{s.Cols}
	}
	if s.Experts > 0 {
		return []int{s.Experts, s.Rows / s.Experts, s.Cols}
	}
	return []int{s.Rows, s.Cols}
}
