package reading

import "testing"

func TestSame(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"Ottoman Empire", "the Ottoman Empire", true},
		{"Ottoman Empire", "ottoman empire.", true},
		{"Ottoman Empire", "Empire", false},
		{"Ottoman Empire", "Ottoman Empires", false},
		{"1,000", "1000", true},
		{"1,000", "one thousand", true},
		{"1,000", "1,001", false},
		{"1,000", "10,00", false},
		{"12,345,678.50", "12345678.5", true},
		{"1912", "1921", false},
		{"5 %", "5 percent", true},
		{"5%", "five per cent", true},
		{"5%", "5", false},
		{"5%", "50%", false},
		{"$1.2 million", "1,200,000 dollars", true},
		{"$1.2 million", "$1.2 billion", false},
		{"$5", "€5", false},
		{"-3", "3", false},
		{"-0.2%", "−0.20 %", true},
		{"twenty-one", "21", true},
		{"two hundred and five", "205", true},
		{"three thousand two hundred", "3,200", true},
		{"nineteen twelve", "1912", false},
		{"1st", "first", true},
		{"1st", "2nd", false},
		{"1st", "1", false},
		{"U.S.", "US", true},
		{"Smith & Sons", "Smith and Sons", true},
		{"people's party", "People’s Party", true},
		{"1990-1991", "1990 1991", true},
		{"28,748 sq km", "28748 sq km", true},
		{"28,748 sq km", "28,748 sq mi", false},
		{"28,748 sq km", "27,398 sq km", false},
		{"5km", "5 km", true},
		{"Ｔｉｒａｎａ", "Tirana", true},
		{"G20", "20", false},
		{"the", "The", true},
		{"a million", "1,000,000", true},
		{"12.5.2013", "12.5.2014", false},
		{"", "", false},
		{"?", "!", false},
		{"?", "?", true},
	} {
		if got := Same(tt.a, tt.b); got != tt.want {
			t.Errorf("Same(%q, %q) is %v: %q, %q", tt.a, tt.b, got, canonical(tt.a), canonical(tt.b))
		}
		if Same(tt.b, tt.a) != Same(tt.a, tt.b) {
			t.Errorf("Same(%q, %q) depends on the order", tt.a, tt.b)
		}
	}
}
