package folder_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"spell/rl/corpus/folder"
)

// A folder of texts becomes clusters of related documents. A sub-folder is a cluster, and the report
// says what became of every file.
func ExampleRead() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{
		"mills/upper.txt": "The upper mill was built in 1802. Its wheel is of oak.",
		"mills/lower.md":  "# The lower mill\n\nIt burned down in 1911 and was not built again.",
		"mills/map.png":   "not a text",
		"bridges/old.txt": "The old bridge has nine arches of grey stone.\n\n" +
			"A flood took the middle one in 1824. It took six years to build another.",
		"bridges/new.txt":  "The new bridge was opened in 1964. It carries two lanes.",
		"bridges/twin.txt": "The new bridge was opened in 1964. It carries two lanes.",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			log.Fatal(err)
		}
	}

	documents, report, err := folder.Read(context.Background(), dir, folder.Options{DocChars: 100})
	if err != nil {
		log.Fatal(err)
	}
	for _, cluster := range documents.Clusters {
		for _, d := range cluster.Docs {
			fmt.Printf("%s: %s: %.30q\n", cluster.Name, d.Name, d.Text)
		}
	}
	fmt.Println(report)
	// Output:
	// bridges/: bridges/new.txt: "The new bridge was opened in 1"
	// bridges/: bridges/old.txt#1: "The old bridge has nine arches"
	// bridges/: bridges/old.txt#2: "A flood took the middle one in"
	// mills/: mills/lower.md: "# The lower mill\n\nIt burned do"
	// mills/: mills/upper.txt: "The upper mill was built in 18"
	// 5 files read; 1 duplicate left out; 5 documents in 2 clusters
	// 1 ignored: 1 .png
}
