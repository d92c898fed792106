using System.ComponentModel.DataAnnotations;
using System.ComponentModel.DataAnnotations.Schema;
using System.Globalization;
using System.Text;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion.Tests.Sources;

/// <summary>CSV as it is found in the wild, read against a contract.</summary>
public sealed class CsvTests : IDisposable
{
    private readonly Inbox _inbox = new();

    public void Dispose() => _inbox.Dispose();

    [Theory]
    [InlineData("id,name\n1,Ann\n2,Bob\n")]
    [InlineData("id,name\r\n1,Ann\r\n2,Bob\r\n")]
    [InlineData("id,name\r1,Ann\r2,Bob\r")]
    [InlineData("id,name\n1,Ann\n2,Bob")]
    [InlineData("\uFEFFid,name\n1,Ann\n2,Bob\n")]
    [InlineData("\n\nid,name\n\n1,Ann\n\n2,Bob\n\n")]
    [InlineData("\"id\",\"name\"\n\"1\",\"Ann\"\n\"2\",\"Bob\"\n")]
    [InlineData("Name,unused,ID\nAnn,x,1\nBob,,2\n")]
    public async Task The_same_rows_however_they_are_written(string text)
    {
        var result = await ReadResult.OfAsync(From.Csv<Person>(_inbox.With("p.csv", text).Store, "*.csv"));
        result.Rejected.Should().BeEmpty();
        result.Rows.Should().BeEquivalentTo(new object?[][] { [1L, "Ann"], [2L, "Bob"] }, options => options.WithStrictOrdering());
    }

    [Fact]
    public async Task Quotes_line_breaks_and_delimiters_within_fields()
    {
        var result = await ReadResult.OfAsync(From.Csv<Person>(
            _inbox.With("p.csv", "id,name\n1,\"a,b\"\n2,\"c\nd\"\n3,\"e\r\n\r\nf\"\n4,\"say \"\"hi\"\"\"\n5,\"\"\"\"\n6,5\" pipe\n7, spaced \n8,\"ünï → 🚲\"\n").Store, "*.csv"));
        result.Rejected.Should().BeEmpty();
        result.Rows.Select(row => row[1]).Should().Equal("a,b", "c\nd", "e\r\n\r\nf", "say \"hi\"", "\"", "5\" pipe", " spaced ", "ünï → 🚲");
    }

    [Fact]
    public async Task An_empty_field_is_null_and_empty_quotes_are_empty_text()
    {
        var result = await ReadResult.OfAsync(From.Csv<Sparse>(_inbox.With("s.csv", "id,count,note\n1,,\n2,\"\",\"\"\n3,0,x\n").Store, "*.csv"));
        result.Rejected.Should().BeEmpty();
        result.Rows.Should().BeEquivalentTo(new object?[][] { [1L, null, null], [2L, null, ""], [3L, 0, "x"] }, options => options.WithStrictOrdering());
    }

    [Fact]
    public async Task Every_type_reads_to_its_value()
    {
        _inbox.With(
            "all.csv",
            """
            bool,short,int,long,float,double,decimal,text,bytes,date,time,timestamp,moment,uuid,kind
            yes,-32768,2147483647,-9223372036854775808,0.1,-1.5e-7,-12345.67,héllo,\xDEADBEEF,2024-02-29,23:59:59.5,2024-02-29 12:00:00.123456,2024-02-29T12:00:00+02:00,0f8fad5b-d9cb-469f-a165-70867728950e,Member
            ,,,,,,,,,,,,,,
            """);
        var result = await ReadResult.OfAsync(From.Csv<Everything>(_inbox.Store, "*.csv"));
        result.Rejected.Should().BeEmpty();
        var day = (int)(new DateTime(2024, 2, 29, 0, 0, 0, DateTimeKind.Utc) - DateTime.UnixEpoch).TotalDays;
        result.Rows[0].Should().BeEquivalentTo(
            new object?[]
            {
                true, short.MinValue, int.MaxValue, long.MinValue, 0.1f, -1.5e-7, (Int128)(-1234567), "héllo", new byte[] { 0xDE, 0xAD, 0xBE, 0xEF }, day, 86_399_500_000L,
                (day * 86_400_000_000L) + 43_200_123_456L, (day * 86_400_000_000L) + 36_000_000_000L, Guid.Parse("0f8fad5b-d9cb-469f-a165-70867728950e"), "Member",
            },
            options => options.WithStrictOrdering());
        result.Rows[1].Should().OnlyContain(value => value == null);
    }

    [Fact]
    public async Task Bad_rows_are_rejected_with_line_and_reason_and_the_others_read()
    {
        _inbox.With(
            "inbox/trips.csv",
            "trip_id,fare,station,rating\n"
            + "1,10.00,Alpha,5\n"
            + "x1,10.00,Alpha,5\n"
            + "2,10.005,Alpha,5\n"
            + "3,\"multi\nline\",Alpha,5\n"
            + "4,10.00,,5\n"
            + "5,10.00,\"\",5\n"
            + "6,10.00,Alpha,6\n"
            + "7,10.00,alpha,5\n"
            + "8,10.00,Alpha\n"
            + "9,10.00,Alpha,5,extra\n"
            + "99999999999,10.00,Alpha,5\n"
            + "10,10.00,\"Al\"pha,5\n"
            + "11,-0.01,Alpha,\n"
            + "12,0.00,Beta,\n");
        var result = await ReadResult.OfAsync(From.Csv<Trip>(_inbox.Store, "inbox/*.csv"));
        result.Rows.Select(row => row[0]).Should().Equal(1, 12);
        result.Rejected.Should().OnlyContain(row => row.Source == "inbox/trips.csv" && row.ContractVersion == Contract.Of<Trip>().Version);
        result.Rejected.Select(row => (row.Position, row.Raw, row.Column, row.Reason)).Should().Equal(
            (3, "x1,10.00,Alpha,5", "trip_id", "'x1' is not an int32"),
            (4, "2,10.005,Alpha,5", "fare", "'10.005' is not a decimal(8,2): it has more than 2 digits after the point or 6 before it"),
            (5, "3,\"multi\nline\",Alpha,5", "fare", "'multi\nline' is not a decimal(8,2)"),
            (7, "4,10.00,,5", "station", "the value is missing, and the column does not allow NULL"),
            (8, "5,10.00,\"\",5", "station", "'' does not match [A-Z].*"),
            (9, "6,10.00,Alpha,6", "rating", "'6' is not between 1 and 5"),
            (10, "7,10.00,alpha,5", "station", "'alpha' does not match [A-Z].*"),
            (11, "8,10.00,Alpha", null, "the row has 3 fields, but the header has 4"),
            (12, "9,10.00,Alpha,5,extra", null, "the row has 5 fields, but the header has 4"),
            (13, "99999999999,10.00,Alpha,5", "trip_id", "'99999999999' is not an int32: it is beyond -2147483648 to 2147483647"),
            (14, "10,10.00,\"Al\"pha,5", null, "there is text between a closing quote and the end of the field"),
            (15, "11,-0.01,Alpha,", "fare", "'-0.01' is not at least 0"));
    }

    [Fact]
    public async Task A_row_that_is_rejected_after_a_null_leaves_no_trace()
    {
        _inbox.With("s.csv", "id,count,note\n1,,\nx,,\n2,,a\n3,y,\n4,7,\n");
        var result = await ReadResult.OfAsync(From.Csv<Reversed>(_inbox.Store, "*.csv"));
        result.Rows.Should().BeEquivalentTo(new object?[][] { [null, null, 1L], ["a", null, 2L], [null, 7, 4L] }, options => options.WithStrictOrdering());
        result.Rejected.Select(row => row.Position).Should().Equal(3, 5);
    }

    [Fact]
    public async Task Bytes_that_are_no_text_reject_their_row_alone()
    {
        byte[] content = [.. Encoding.UTF8.GetBytes("id,name\n" + string.Concat(Enumerable.Range(0, 500).Select(i => $"{i},aaaaaaaaaa\n"))), .. "500,\xFF"u8[..4], 0xC3, (byte)'\n', .. "501,a\0b\n"u8, .. "502,é\n"u8];
        var result = await ReadResult.OfAsync(From.Csv<Person>(_inbox.With("p.csv", content).Store, "*.csv"));
        result.Rows.Should().HaveCount(501);
        result.Rows[^1].Should().Equal(502L, "é");
        result.Rejected.Select(row => (row.Position, row.Reason)).Should().Equal((502, "the row is not valid UTF-8"), (503, "the row has a NUL character"));
    }

    [Fact]
    public async Task A_quote_that_is_never_closed_rejects_what_follows_it()
    {
        var result = await ReadResult.OfAsync(From.Csv<Person>(_inbox.With("p.csv", "id,name\n1,Ann\n2,\"Bob\n3,Cy\n").Store, "*.csv"));
        result.Rows.Should().ContainSingle();
        result.Rejected.Should().ContainSingle();
        result.Rejected[0].Should().Match<Ledger.RejectedRow>(row => row.Position == 3 && row.Reason == "a quote is opened and never closed" && row.Raw.StartsWith("2,\"Bob\n3,Cy"));
    }

    [Theory]
    [InlineData("id,name,note\n1,5\" pipe,\"open\n2,Bob,\n", "a quote is opened and never closed")]
    [InlineData("id,name,note\n1,5\" pipe,\"closed\" badly\n", "there is text between a closing quote and the end of the field")]
    [InlineData("id,name,note\n1,5\" pipe,\"closed \"\"well\"\"\"\n", null)]
    public async Task A_mistake_that_stands_behind_a_stray_quote_is_seen(string text, string? reason)
    {
        var result = await ReadResult.OfAsync(From.Csv<Person>(_inbox.With("p.csv", text).Store, "*.csv"));
        result.Rejected.Select(row => row.Reason).Should().Equal(reason is null ? [] : [reason]);
        result.Rows.Should().HaveCount(reason is null ? 1 : 0);
    }

    [Fact]
    public async Task A_row_longer_than_allowed_fails_the_file_with_its_line()
    {
        var failure = await ReadResult.FailureOfAsync(From.Csv<Person>(
            _inbox.With("p.csv", "id,name\n1,Ann\n2,\"Bob" + new string('x', 1_000_000) + "\n").Store, "*.csv", new CsvOptions { MaxRowBytes = 4096 }));
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().StartWith("lake:p.csv cannot be read beyond line 3");
    }

    [Fact]
    public async Task Long_fields_are_read_whole_and_kept_in_part_when_rejected()
    {
        var text = new string('ä', 3_000_000);
        var result = await ReadResult.OfAsync(From.Csv<Person>(_inbox.With("p.csv", $"id,name\n1,{text}\nx,{text}\n").Store, "*.csv"));
        result.Rows.Should().ContainSingle().Which[1].Should().Be(text);
        var rejected = result.Rejected.Should().ContainSingle().Subject;
        (rejected.Raw == $"x,{text[..524_287]}… (6000002 bytes in all)").Should().BeTrue();
        rejected.IsExact.Should().BeFalse();
    }

    [Fact]
    public async Task Options_say_how_a_file_is_written()
    {
        _inbox.With("p.csv", "# exported today\n1; 'a;b' ;NULL\n# more\n2;x;7\n");
        var options = new CsvOptions { Delimiter = ';', Quote = '\'', Comment = '#', HasHeader = false, NullValues = ["NULL"], TrimWhitespace = true };
        var result = await ReadResult.OfAsync(From.Csv<Positional>(_inbox.Store, "*.csv", options));
        result.Rejected.Should().BeEmpty();
        result.Rows.Should().BeEquivalentTo(new object?[][] { [1L, "a;b", null], [2L, "x", 7] }, options => options.WithStrictOrdering());
    }

    [Fact]
    public async Task Columns_are_found_by_what_the_source_calls_them()
    {
        var result = await ReadResult.OfAsync(From.Csv<Renamed>(_inbox.With("r.csv", "Start Time;TRIP ID\n2024-01-01 00:00:00;7\n").Store, "*.csv", new CsvOptions { Delimiter = ';' }));
        result.Rows.Should().ContainSingle().Which[0].Should().Be(7L);
    }

    [Theory]
    [InlineData("id\n1\n", "has no column 'Name', which the contract needs for name. Its header has: id.", "[Column(")]
    [InlineData("id;name\n1;Ann\n", "has no column 'Id', which the contract needs for id. Its header has: id;name.", "separated by ';'")]
    [InlineData("id,name,NAME\n1,Ann,x\n", "has 2 columns for name: 'name', 'NAME'.", "[Column(")]
    [InlineData("\n\n", "has no header.", "HasHeader")]
    public async Task A_header_that_does_not_fit_fails_with_what_it_has(string text, string problem, string hint)
    {
        var failure = await ReadResult.FailureOfAsync(From.Csv<Person>(_inbox.With("inbox/p.csv", text).Store, "inbox/*"));
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().Be($"lake:inbox/p.csv {problem}");
        failure.Hint.Should().Contain(hint);
    }

    [Theory]
    [InlineData(new byte[] { 0x50, 0x4B, 3, 4, 20, 0 }, "begins like a ZIP archive")]
    [InlineData(new byte[] { 0x1F, 0x8B, 8, 0 }, "begins like a gzip file")]
    [InlineData(new byte[] { (byte)'P', (byte)'A', (byte)'R', (byte)'1', 0 }, "begins like a Parquet file")]
    [InlineData(new byte[] { (byte)'i', (byte)'d', 0, 1, 2 }, "byte 2 is 0")]
    public async Task A_file_that_is_no_text_fails_with_its_name(byte[] content, string problem)
    {
        var failure = await ReadResult.FailureOfAsync(From.Csv<Person>(_inbox.With("p.csv", content).Store, "*"));
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().StartWith("lake:p.csv is not text").And.Contain(problem);
    }

    [Theory]
    [InlineData("windows-1252", "Zoë – 5 €")]
    [InlineData("iso-8859-1", "Zoë ½")]
    [InlineData("iso-8859-15", "Zoë 5 €")]
    [InlineData("windows-1251", "Жук")]
    [InlineData("shift_jis", "自転車")]
    [InlineData("gb18030", "自行车 🚲")]
    [InlineData("utf-16", "Zoë 🚲")]
    [InlineData("utf-16BE", "Zoë 🚲")]
    [InlineData("utf-32", "Zoë 🚲")]
    public async Task Files_are_read_in_the_encoding_they_are_in(string name, string text)
    {
        const int Rows = 20_000;
        var encoding = TextEncodings.Find(name);
        var content = encoding.GetBytes("id,name\n" + string.Concat(Enumerable.Range(0, Rows).Select(i => $"{i},\"{text}\n{i}\"\n")));
        var result = await ReadResult.OfAsync(From.Csv<Person>(_inbox.With("p.csv", content).Store, "*", new CsvOptions { Encoding = name }));
        result.Rejected.Should().BeEmpty();
        result.Rows.Select(row => row[1]).Should().Equal(Enumerable.Range(0, Rows).Select(i => $"{text}\n{i}"));
        (await ReadResult.OfAsync(From.Csv(_inbox.Store, "*", new CsvOptions { Encoding = name }))).Rows[^1].Should().Equal((long)(Rows - 1), $"{text}\n{Rows - 1}");
    }

    [Theory]
    [InlineData("utf-8")]
    [InlineData("utf-16")]
    [InlineData("utf-16BE")]
    [InlineData("utf-32")]
    public async Task A_byte_order_mark_counts_more_than_what_the_options_say(string name)
    {
        var encoding = Encoding.GetEncoding(name);
        byte[] content = [.. encoding.GetPreamble(), .. encoding.GetBytes("id,name\n1,Zoë 🚲\n")];
        var result = await ReadResult.OfAsync(From.Csv<Person>(_inbox.With("p.csv", content).Store, "*", new CsvOptions { Encoding = "windows-1252" }));
        result.Rows.Should().ContainSingle().Which.Should().Equal(1L, "Zoë 🚲");
    }

    [Fact]
    public async Task Bytes_that_are_no_text_in_an_encoding_reject_their_row_alone()
    {
        byte[] shiftJis = [.. "id,name\n1,a\n2,"u8, 0x81, 0x7F, .. "\n3,c\n"u8];
        var result = await ReadResult.OfAsync(From.Csv<Person>(_inbox.With("a.csv", shiftJis).Store, "a*", new CsvOptions { Encoding = "shift_jis" }));
        result.Rows.Select(row => row[0]).Should().Equal(1L, 3L);
        result.Rejected.Should().ContainSingle().Which.Should().Match<Ledger.RejectedRow>(row => row.Position == 3 && row.Reason == "the row is not valid SHIFT_JIS");

        byte[] wide = [.. Encoding.Unicode.GetBytes("id,name\n1,a\n2,b"), 0x00, 0xD8, .. Encoding.Unicode.GetBytes("\n3,c\n4,d"), 0x0A];
        result = await ReadResult.OfAsync(From.Csv<Person>(_inbox.With("b.csv", wide).Store, "b*", new CsvOptions { Encoding = "utf-16" }));
        result.Rows.Select(row => row[0]).Should().Equal(1L, 3L);
        result.Rejected.Select(row => (row.Position, row.Reason)).Should().Equal((3, "the row is not valid UTF-16"), (5, "the row is not valid UTF-16"));
    }

    [Theory]
    [InlineData("utf-9")]
    [InlineData("utf-7")]
    public void An_encoding_that_does_not_exist_is_refused_when_it_is_named(string name) =>
        FluentActions.Invoking(() => new CsvOptions { Encoding = name }).Should().Throw<DataPlatformException>().Which.Message.Should().Be($"There is no text encoding '{name}'.");

    [Fact]
    public async Task Compressed_files_are_read_by_their_extension()
    {
        _inbox.With("a.csv.gz", Inbox.Gzip("id,name\n1,Ann\n")).With("b.csv.zst", Inbox.Zstandard("id,name\n2,Bob\n"));
        var result = await ReadResult.OfAsync(From.Csv<Person>(_inbox.Store, "*"));
        result.Rows.Select(row => row[1]).Should().Equal("Ann", "Bob");
    }

    [Theory]
    [InlineData("p.csv.gz")]
    [InlineData("p.csv.zst")]
    public async Task A_compressed_file_that_was_cut_off_anywhere_fails(string name)
    {
        var text = "id,name\n" + string.Concat(Enumerable.Range(0, 20_000).Select(i => $"{i},{i * 7919 % 104_729}\n"));
        var content = name.EndsWith("gz", StringComparison.Ordinal) ? Inbox.Gzip(text) : Inbox.Zstandard(text);
        int[] cuts = [.. Enumerable.Range(1, 30), .. Enumerable.Range(1, 100).Select(i => i * content.Length / 101), .. Enumerable.Range(1, 20).Select(i => content.Length - i)];
        foreach (var cut in cuts)
        {
            var failure = await ReadResult.FailureOfAsync(From.Csv<Person>(_inbox.With(name, content[..cut]).Store, "*"));
            failure.FailureClass.Should().Be(FailureClass.Data, "the file ends after {0} of {1} bytes", cut, content.Length);
            failure.Message.Should().StartWith($"lake:{name} cannot be decompressed beyond byte ");
        }
    }

    [Fact]
    public async Task Gzip_files_joined_together_are_one()
    {
        byte[] content = [.. Inbox.Gzip("id,name\n1,Ann\n"), .. Inbox.Gzip("2,Bob\n")];
        var result = await ReadResult.OfAsync(From.Csv<Person>(_inbox.With("p.csv.gz", content).Store, "*"));
        result.Rows.Select(row => row[1]).Should().Equal("Ann", "Bob");
    }

    [Fact]
    public async Task A_damaged_compressed_file_fails()
    {
        var content = Inbox.Gzip("id,name\n" + string.Concat(Enumerable.Range(0, 100_000).Select(i => $"{i},{i * 7919 % 104_729}\n")));
        content.AsSpan(content.Length / 2, 64).Fill(0xAA);
        var failure = await ReadResult.FailureOfAsync(From.Csv<Person>(_inbox.With("p.csv.gz", content).Store, "*"));
        failure.FailureClass.Should().Be(FailureClass.Data);
    }

    // Long enough to be compiled anew while it runs, where .NET 10 has been seen to read a static wrongly.
    [Fact]
    public async Task Many_batches_hold_every_row_as_it_was_written()
    {
        const int Rows = 300_000;
        var text = new StringBuilder("id,amount,ratio,day,at,name,flag\n");
        for (var i = 0; i < Rows; i++) text.Append(CultureInfo.InvariantCulture, $"{i},{i / 100m:0.00},{i / 8d:R},{new DateOnly(1970, 1, 1).AddDays(i % 20_000):yyyy-MM-dd},{DateTime.UnixEpoch.AddSeconds(i):yyyy-MM-dd HH:mm:ss},{(i % 7 == 0 ? "" : "n" + i)},{(i % 3 == 0 ? "t" : "f")}\n");
        var source = From.Csv<Bulk>(_inbox.With("b.csv", text.ToString()).Store, "*");
        var result = await ReadResult.OfAsync(source, new SourceContext { BatchBytes = 256 * 1024 });
        result.Rejected.Should().BeEmpty();
        result.Rows.Should().HaveCount(Rows);
        result.Batches.Should().BeGreaterThan(50);
        for (var i = 0; i < Rows; i++)
        {
            object?[] expected = [(long)i, (Int128)i, i / 8d, i % 20_000, i * 1_000_000L, i % 7 == 0 ? null : "n" + i, i % 3 == 0];
            if (!result.Rows[i].SequenceEqual(expected)) Assert.Fail($"row {i}: {string.Join(",", result.Rows[i])} is not {string.Join(",", expected)}");
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_batch_is_about_as_large_as_asked_for_and_its_memory_is_used_again(int threads)
    {
        _inbox.With("p.csv", "id,name\n" + string.Concat(Enumerable.Range(0, 200_000).Select(i => $"{i},{new string('x', 100)}\n")));
        var source = From.Csv<Person>(_inbox.Store, "*");
        var memory = new HashSet<ReadOnlyMemory<byte>>();
        var context = new SourceContext { Contract = source.Contract!, BatchBytes = 1 << 20, ThreadsOfFile = threads };
        await foreach (var batch in source.ReadAsync(context, TestContext.Current.CancellationToken))
        {
            using (batch)
            {
                var names = batch.Rows!.Column(1).Data.Buffers[2];
                (names.Length + (batch.Rows.Length * 12)).Should().BeLessThan((1 << 20) + 5000);
                memory.Add(names.Memory[..1]);
            }
        }

        // Where blocks are read at the same time, each thread has what it fills, and what of its own was under way at some time: at most all blocks ahead, one more than threads, and the one that is taken.
        memory.Should().HaveCountLessThanOrEqualTo(threads == 1 ? 2 : threads * (threads + 3));
    }

    private sealed record Person(long Id, string Name);

    private sealed record Sparse(long Id, int? Count, string? Note);

    private sealed record Reversed(string? Note, int? Count, long Id);

    private sealed record Positional(long Id, string Name, int? Count);

    private sealed record Renamed(long TripId, [property: Column("Start Time")] DateTime StartedAt, string? Missing);

    private sealed record Bulk(long Id, [Precision(12, 2)] decimal Amount, double Ratio, DateOnly Day, DateTime At, string? Name, bool Flag);

    private sealed record Trip(int TripId, [Precision(8, 2), Range(0, double.MaxValue)] decimal Fare, [RegularExpression("[A-Z].*")] string Station, [Range(1, 5)] short? Rating);

    private enum Kind
    {
        Casual,
        Member,
    }

    private sealed record Everything(
        bool? Bool, short? Short, int? Int, long? Long, float? Float, double? Double, [Precision(10, 2)] decimal? Decimal, string? Text, byte[]? Bytes, DateOnly? Date,
        TimeOnly? Time, DateTime? Timestamp, DateTimeOffset? Moment, Guid? Uuid, Kind? Kind);
}
