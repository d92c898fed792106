using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using CsCheck;
using DataPlatform.Secrets;

namespace DataPlatform.Core.Tests.Secrets;

public class SecretMaskerTests
{
    private static readonly Gen<string> Secrets = Gen.OneOf(
        Gen.String[Gen.Char.AlphaNumeric, 4, 40],
        Gen.String[Gen.Char[' ', '~'], 4, 40],
        Gen.String[Gen.Char["aé漢\"'\\/+&<>%=;@: \t\n\u0001"], 4, 20],
        Gen.String[Gen.Char["ab"], 4, 8]);

    private static readonly Func<string, string>[] Encodings =
    [
        s => s,
        s => JsonSerializer.Serialize(s)[1..^1],
        s => JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(s),
        Uri.EscapeDataString,
        WebUtility.UrlEncode!,
        s => Regex.Replace(Uri.EscapeDataString(s), "%..", match => match.Value.ToLowerInvariant()),
        s => Convert.ToBase64String(Encoding.UTF8.GetBytes(s)),
        s => Convert.ToBase64String(Encoding.UTF8.GetBytes(s)).TrimEnd('='),
        s => Convert.ToBase64String(Encoding.UTF8.GetBytes(s)).Replace('+', '-').Replace('/', '_'),
        s => s.Replace("'", "''", StringComparison.Ordinal),
        s => s.Replace("\"", "\"\"", StringComparison.Ordinal),
    ];

    [Fact]
    public void No_secret_gets_through_in_any_form() =>
        Gen.Select(Secrets.Array[1, 5], Gen.Int[0, Encodings.Length - 1].Array[1, 10], Gen.String[Gen.Char.AlphaNumeric, 0, 30].Array[11]).Sample((secrets, forms, texts) =>
        {
            var masker = new SecretMasker();
            masker.Add(secrets);
            var line = new StringBuilder();
            var hidden = new List<string>();
            for (var i = 0; i < forms.Length; i++)
            {
                var written = Encodings[forms[i]](secrets[i % secrets.Length]);
                hidden.Add(written);
                // The bars keep one text from becoming a secret together with the next.
                line.Append(texts[i]).Append('‖').Append(written).Append('‖');
            }

            var masked = masker.Mask(line.ToString());
            foreach (var written in hidden) masked.Should().NotContain(written);
        }, iter: 2000);

    [Fact]
    public void A_secret_inside_basic_authentication_is_masked_at_every_offset() =>
        Gen.Select(Secrets, Gen.String[Gen.Char.AlphaNumeric, 0, 7]).Sample((secret, user) =>
        {
            var masker = new SecretMasker();
            masker.Add([secret]);

            var masked = masker.Mask(Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{secret}!")));

            // What is left besides the mask are the user and characters that hold bits of both neighbours.
            masked.Should().Contain("***");
            masked.Length.Should().BeLessThanOrEqualTo(((user.Length + 1) * 8 + 5) / 6 + 3 + 4);
        });

    [Fact]
    public void Text_without_secrets_is_returned_as_it_is()
    {
        var masker = new SecretMasker();
        var text = "nothing to hide";
        masker.Mask(text).Should().BeSameAs(text);

        masker.Add(["topsecret"]);
        masker.Mask(text).Should().BeSameAs(text);
        masker.Mask("a topsecret b topsecret").Should().Be("a *** b ***");
    }

    [Fact]
    public void Overlapping_secrets_leave_nothing_of_either()
    {
        var masker = new SecretMasker();
        masker.Add(["abcdef", "defghi", "hijkl"]);

        masker.Mask("<abcdefghijkl>").Should().Be("<***>");
    }

    [Fact]
    public void The_longest_secret_that_fits_is_masked()
    {
        var masker = new SecretMasker();
        masker.Add(["pass", "password-long"]);

        masker.Mask("password-long pass").Should().Be("*** ***");
    }

    [Fact]
    public void Each_line_of_a_secret_of_several_lines_is_masked()
    {
        var masker = new SecretMasker();
        masker.Add(["-----BEGIN KEY-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\n}\n"]);

        masker.Mask("first BgkqhkiG9w0B then } and MIIEvQIBADAN").Should().Be("first *** then } and ***");
    }

    [Fact]
    public void A_value_too_short_to_be_told_from_other_text_is_not_masked()
    {
        var masker = new SecretMasker();
        masker.Add(["abc", ""]);

        masker.Mask("abc").Should().Be("abc");
    }
}
