using System.ComponentModel.DataAnnotations.Schema;
using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using DataPlatform.Warehouses;

namespace DataPlatform.Core.Tests.Warehouses.Rows;

public sealed class RecordMapperTests
{
    private static readonly DateTime Epoch = new(1, 1, 1);

    private static readonly Gen<DateTime> Times = Gen.Long[0, 315_537_897_600_000_000 - 1].Select(microseconds => Epoch.AddTicks(microseconds * 10));

    private static readonly Gen<decimal> Decimals = Gen.Select(Gen.Long, Gen.Int[0, 9], (digits, scale) => digits / (decimal)Math.Pow(10, scale));

    private static readonly Gen<Everything> Rows =
        from text in Gen.String.Where(IsUnicode)
        from optionalText in Gen.String.Where(IsUnicode).Null()
        from numbers in Gen.Select(Gen.Short, Gen.Int, Gen.Long)
        from fractions in Gen.Select(Gen.Float, Gen.Double, Decimals)
        from day in Gen.Int[0, DateOnly.MaxValue.DayNumber].Select(DateOnly.FromDayNumber)
        from time in Gen.Long[0, TimeSpan.MicrosecondsPerDay - 1].Select(microseconds => new TimeOnly(microseconds * 10))
        from moments in Gen.Select(Times, Times)
        from others in Gen.Select(Gen.Guid, Gen.Byte.Array, Gen.Bool, Gen.Enum<DayOfWeek>())
        from optional in Gen.Select(Gen.Int.Nullable(), Decimals.Nullable(), Times.Nullable(), Gen.Bool.Nullable())
        select new Everything(
            text, optionalText, numbers.Item1, numbers.Item2, numbers.Item3, fractions.Item1, fractions.Item2, fractions.Item3, day, time, moments.Item1,
            new DateTimeOffset(DateTime.SpecifyKind(moments.Item2, DateTimeKind.Utc)), others.Item1, others.Item2, others.Item3, others.Item4,
            optional.Item1, optional.Item2, optional.Item3, optional.Item4);

    [Fact]
    public void Every_value_of_every_type_comes_back_from_columns() =>
        Rows.List[0, 50].Sample(rows =>
        {
            using var batch = RecordMapper.For<Everything>().ToBatch(rows);
            RecordMapper.For<Everything>().FromBatch(batch).Should().Equal(rows, (read, written) =>
                read with { Raw = written.Raw } == written && read.Raw.AsSpan().SequenceEqual(written.Raw));
        }, iter: 300);

    [Fact]
    public void Columns_have_the_names_types_and_nullability_of_the_properties() =>
        RecordMapper.For<Everything>().Schema.FieldsList.Select(field => $"{field.Name} {Describe(field)}{(field.IsNullable ? "?" : "")}").Should().Equal(
            "text string", "optional_text string?", "small int16", "number int32", "big int64", "narrow float", "wide double", "amount decimal128(38,10)",
            "day date32", "time time64", "local timestamp()", "moment timestamp(UTC)", "id uuid", "raw binary", "flag bool", "weekday string",
            "optional_number int32?", "optional_amount decimal128(38,10)?", "optional_local timestamp()?", "optional_flag bool?");

    [Fact]
    public void Attributes_size_decimals_and_leave_properties_out()
    {
        var schema = RecordMapper.For<Attributed>().Schema;
        schema.FieldsList.Select(field => field.Name).Should().Equal("name", "price");
        schema.GetFieldByName("price").DataType.Should().BeOfType<Decimal128Type>().Which.Should().Match<Decimal128Type>(type => type.Precision == 12 && type.Scale == 2);
    }

    [Fact]
    public void Classes_with_setters_are_read_too()
    {
        using var batch = RecordMapper.For<Narrow>().ToBatch([new Narrow(7, 2.5)]);
        RecordMapper.For<Settable>().FromBatch(batch).Should().ContainSingle().Which.Should().BeEquivalentTo(new { Count = 7L, Share = 2.5f });
    }

    [Fact]
    public async Task Batches_are_cut_by_bytes_and_hold_every_row_in_order()
    {
        var texts = Enumerable.Range(0, 20_000).Select(i => new Wordy(i, new string('x', 1000))).ToList();
        var batches = await RecordMapper.For<Wordy>().ToBatchesAsync(texts.ToAsyncEnumerable()).ToListAsync();
        batches.Should().HaveCount(10);
        var back = await RecordMapper.For<Wordy>().FromBatchesAsync(batches.ToAsyncEnumerable()).Select(row => row.Number).ToListAsync();
        back.Should().Equal(Enumerable.Range(0, 20_000));
    }

    [Fact]
    public async Task No_rows_are_one_empty_batch()
    {
        var batches = await RecordMapper.For<Narrow>().ToBatchesAsync(AsyncEnumerable.Empty<Narrow>()).ToListAsync();
        batches.Should().ContainSingle().Which.Length.Should().Be(0);
    }

    [Theory]
    [InlineData(1e10)]
    [InlineData(0.5)]
    [InlineData(double.NaN)]
    public void A_number_that_the_property_cannot_hold_is_a_data_error_that_names_the_column(double value)
    {
        using var batch = RecordMapper.For<Narrow>().ToBatch([new Narrow(1, 1), new Narrow(1, value)]);
        var read = () => RecordMapper.For<Whole>().FromBatch(batch);
        read.Should().Throw<DataPlatformException>().Where(e => e.FailureClass == FailureClass.Data)
            .WithMessage("Column 'share' does not fit into Int32. It is read into Whole.Share.");
    }

    [Fact]
    public void A_null_where_none_is_allowed_is_a_data_error_both_ways()
    {
        using var batch = RecordMapper.For<Optional>().ToBatch([new Optional(null)]);
        var read = () => RecordMapper.For<Required>().FromBatch(batch);
        read.Should().Throw<DataPlatformException>().Where(e => e.FailureClass == FailureClass.Data)
            .WithMessage("Column 'name' is NULL, and the property does not allow it. It is read into Required.Name.");

        var write = () => RecordMapper.For<Required>().ToBatch([new Required("a"), new Required(null!)]);
        write.Should().Throw<DataPlatformException>().Where(e => e.FailureClass == FailureClass.Data).WithMessage("Required.Name is NULL*");
    }

    [Theory]
    [InlineData("1.0000000001")]
    [InlineData("79228162514264337593543950335")]
    [InlineData("-100000000000000000000000000000")]
    public void A_decimal_with_too_many_digits_is_refused_not_rounded(string number)
    {
        var wide = decimal.TryParse(number, System.Globalization.CultureInfo.InvariantCulture, out var value) ? value : decimal.MinValue;
        var write = () => RecordMapper.For<Priced>().ToBatch([new Priced(wide)]);
        write.Should().Throw<DataPlatformException>().Where(e => e.FailureClass == FailureClass.Data).WithMessage("Priced.Amount is*more digits than numeric(20, 9)*");
    }

    [Fact]
    public void A_decimal_that_ends_in_zeros_fits_where_its_value_fits()
    {
        using var batch = RecordMapper.For<Priced>().ToBatch([new Priced(1.10000000000000000000m)]);
        RecordMapper.For<Priced>().FromBatch(batch).Should().Equal(new Priced(1.1m));
    }

    [Fact]
    public void A_missing_column_and_a_column_of_another_type_are_named()
    {
        using var batch = RecordMapper.For<Required>().ToBatch([new Required("a")]);
        var missing = () => RecordMapper.For<Narrow>().FromBatch(batch);
        missing.Should().Throw<DataPlatformException>().WithMessage("Narrow.Count needs a column 'count', which the rows do not have.")
            .Which.Should().Match<DataPlatformException>(e => e.FailureClass == FailureClass.Configuration && e.Hint!.Contains("They have name."));

        var other = () => RecordMapper.For<Numbered>().FromBatch(batch);
        other.Should().Throw<DataPlatformException>().WithMessage("Numbered.Name is of type Int32 and cannot hold column 'name', which is utf8.");
    }

    [Fact]
    public void A_property_without_a_column_type_is_named()
    {
        var make = () => RecordMapper.For<Unsupported>();
        make.Should().Throw<DataPlatformException>().WithMessage("Unsupported.Address is of type Uri, which has no column type.");
    }

    [Fact]
    public void Lists_come_back_from_columns_with_null_empty_and_null_elements()
    {
        var id = Guid.NewGuid();
        Listed[] rows =
        [
            new([1, -2], ["a", "", "ß"], [1.25m, null], [id], [DayOfWeek.Monday]),
            new([], [], [], null, []),
        ];
        using var batch = RecordMapper.For<Listed>().ToBatch(rows);
        batch.Schema.FieldsList.Select(field => $"{field.Name} {Describe(ColumnTypes.ElementOf(field)!)}{(field.IsNullable ? "?" : "")}")
            .Should().Equal("numbers int32", "texts string", "amounts decimal128(6,2)", "ids uuid?", "days string");
        RecordMapper.For<Listed>().FromBatch(batch).Should().BeEquivalentTo(rows, options => options.WithStrictOrdering());
    }

    [Fact]
    public void An_element_that_is_NULL_needs_a_type_that_allows_it()
    {
        using var batch = RecordMapper.For<Listing<int?[]>>().ToBatch([new([1]), new([2, null])]);
        var read = () => RecordMapper.For<Listing<int[]>>().FromBatch(batch);
        read.Should().Throw<DataPlatformException>().WithMessage("*'items'*has an element that is NULL, and its type does not allow it*");
        var write = () => RecordMapper.For<Texts>().ToBatch([new(["a", null!])]);
        write.Should().Throw<DataPlatformException>().WithMessage("Texts.Items has an element that is NULL, and its type does not allow it. It is column 'items'.");
        var nested = () => RecordMapper.For<Listing<int[][]>>();
        nested.Should().Throw<DataPlatformException>().WithMessage("Listing`1.Items is of type Int32[][], which has no column type.");
    }

    [Fact]
    public void A_moment_outside_the_years_of_dotnet_is_a_data_error()
    {
        var schema = new Schema([new Field("at", ColumnTypes.TimestampUtc, nullable: true)], null);
        var values = ArrowArrayFactory.BuildArray(new ArrayData(ColumnTypes.TimestampUtc, 1, 0, 0, [ArrowBuffer.Empty, new ArrowBuffer.Builder<long>().Append(long.MaxValue).Build()]));
        using var batch = new RecordBatch(schema, [values], 1);
        var read = () => RecordMapper.For<Timed>().FromBatch(batch);
        read.Should().Throw<DataPlatformException>().WithMessage("Column 'at' does not fit into DateTimeOffset*");
    }

    private static bool IsUnicode(string text) => text.EnumerateRunes().All(rune => rune != System.Text.Rune.ReplacementChar);

    private static string Describe(Field field) => field.DataType switch
    {
        _ when ColumnTypes.IsUuid(field) => "uuid",
        Decimal128Type type => $"decimal128({type.Precision},{type.Scale})",
        TimestampType type => $"timestamp({type.Timezone})",
        StringType => "string",
        var type => type.Name,
    };

    public sealed record Everything(
        string Text, string? OptionalText, short Small, int Number, long Big, float Narrow, double Wide, decimal Amount, DateOnly Day, TimeOnly Time,
        DateTime Local, DateTimeOffset Moment, Guid Id, byte[] Raw, bool Flag, DayOfWeek Weekday,
        int? OptionalNumber, decimal? OptionalAmount, DateTime? OptionalLocal, bool? OptionalFlag);

    public sealed record Attributed(string Name, [Precision(12, 2)] decimal Price)
    {
        [NotMapped]
        public Uri? Link { get; init; }
    }

    public sealed class Settable
    {
        public long Count { get; set; }

        public float Share { get; init; }
    }

    public sealed record Narrow(int Count, double Share);

    public sealed record Whole(int Share);

    public sealed record Wordy(int Number, string Text);

    public sealed record Optional(string? Name);

    public sealed record Required(string Name);

    public sealed record Numbered(int Name);

    public sealed record Priced([Precision(20, 9)] decimal Amount);

    public sealed record Timed(DateTimeOffset At);

    public sealed record Unsupported(Uri Address);

    public sealed record Listed(int[] Numbers, IReadOnlyList<string> Texts, [Precision(6, 2)] List<decimal?> Amounts, IList<Guid>? Ids, DayOfWeek[] Days);

    public sealed record Listing<T>(T Items);

    public sealed record Texts(List<string> Items);
}
