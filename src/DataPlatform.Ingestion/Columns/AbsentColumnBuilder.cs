using Apache.Arrow;

namespace DataPlatform.Ingestion;

/// <summary>A column of the source that the table does not have and no row may have a value in. It is not part of batches.</summary>
internal sealed class AbsentColumnBuilder(ContractColumn column) : ColumnBuilder(column)
{
    public override int FixedWidth => 0;

    public override bool TryParse(int row, ReadOnlySpan<byte> text) => false;

    protected override void SetBlank(int row)
    {
    }

    protected override void ReserveValues(int rows)
    {
    }

    protected override ArrowBuffer[] BuildBuffers(int rows, ArrowBuffer validity) => throw new InvalidOperationException($"Column {Column.Name} is not part of batches.");

    protected override string ExplainValue(ReadOnlySpan<byte> text) => $"{Show(text)} is in a column that the table does not have";
}
