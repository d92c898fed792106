using System.Buffers;
using System.Buffers.Binary;
using Apache.Arrow;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>
/// Encodes record batches as the tuples of <c>COPY … WITH (FORMAT binary)</c>, straight from Arrow's buffers into one buffer that is reused.
/// Format: PostgreSQL documentation, COPY, "Binary Format".
/// </summary>
/// <remarks>
/// Tuples are rows and Arrow is columns. Of a window of rows the size of each row is added up first, column by column; then each column writes
/// its fields to where they belong. So the inner loops are over one column of one type, and the window's output stays in the cache.
/// </remarks>
internal sealed class BinaryCopyEncoder : IDisposable
{
    private const int WindowRows = 1024;
    private const int BufferSize = 256 * 1024;
    private const int TupleHeaderSize = sizeof(short);

    private readonly ColumnEncoder[] _columns;
    private readonly long[] _sizes = new long[WindowRows];
    private readonly int[] _positions = new int[WindowRows];
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
    private int _used;

    private int _batchRows;     // rows of the batch
    private int _windowStart;   // first row of the window within the batch
    private int _windowRows;    // rows whose sizes are known
    private int _windowDone;    // of them, rows that are encoded

    public BinaryCopyEncoder(IEnumerable<ColumnEncoder> columns)
    {
        _columns = [.. columns];
        WriteHeader();
    }

    /// <summary>Rows encoded so far.</summary>
    public long Rows { get; private set; }

    /// <summary>What is encoded and not cleared yet.</summary>
    public ReadOnlyMemory<byte> Encoded => _buffer.AsMemory(0, _used);

    /// <summary>Takes the next batch; the one before must have been encoded whole.</summary>
    /// <exception cref="WarehouseException">A value cannot be stored; nothing of the batch is encoded.</exception>
    public void Load(RecordBatch batch)
    {
        for (var i = 0; i < _columns.Length; i++) _columns[i].Load(batch, i, Rows);
        (_batchRows, _windowStart, _windowRows, _windowDone) = (batch.Length, 0, 0, 0);
    }

    /// <summary>Encodes rows until the batch ends, which answers false, or the buffer is full and must be sent and cleared, which answers true.</summary>
    public bool Fill()
    {
        while (_windowDone < _windowRows || NextWindow())
        {
            var rows = PlaceRows();
            if (rows == 0)
            {
                if (_used > 0) return true;
                Grow(_sizes[_windowDone]);
                continue;
            }

            foreach (var column in _columns) column.Write(_windowStart + _windowDone, _windowStart, _buffer, _positions.AsSpan(0, rows));
            _windowDone += rows;
            Rows += rows;
        }

        return false;
    }

    /// <summary>Forgets what was encoded: it has been sent.</summary>
    public void Clear() => _used = 0;

    /// <summary>Encodes the end of the data. Needs room in the buffer: send and clear it first.</summary>
    public void WriteTrailer()
    {
        BinaryPrimitives.WriteInt16BigEndian(_buffer.AsSpan(_used), -1);
        _used += sizeof(short);
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    // The signature, no flags, no header extension.
    private void WriteHeader()
    {
        ReadOnlySpan<byte> header = [(byte)'P', (byte)'G', (byte)'C', (byte)'O', (byte)'P', (byte)'Y', (byte)'\n', 255, (byte)'\r', (byte)'\n', 0, 0, 0, 0, 0, 0, 0, 0, 0];
        header.CopyTo(_buffer);
        _used = header.Length;
    }

    private bool NextWindow()
    {
        _windowStart += _windowRows;
        _windowRows = Math.Min(WindowRows, _batchRows - _windowStart);
        _windowDone = 0;
        var sizes = _sizes.AsSpan(0, _windowRows);
        sizes.Fill(TupleHeaderSize);
        foreach (var column in _columns) column.AddSizes(_windowStart, sizes);
        return _windowRows > 0;
    }

    // Gives each row that still fits its place, writes its header there, and returns how many they are.
    private int PlaceRows()
    {
        var rows = 0;
        while (_windowDone + rows < _windowRows && _sizes[_windowDone + rows] <= _buffer.Length - _used)
        {
            BinaryPrimitives.WriteInt16BigEndian(_buffer.AsSpan(_used), (short)_columns.Length);
            _positions[rows] = _used + TupleHeaderSize;
            _used += (int)_sizes[_windowDone + rows];
            rows++;
        }

        return rows;
    }

    private void Grow(long size)
    {
        if (size > System.Array.MaxLength) throw new WarehouseException(FailureClass.Data, $"Row {Rows + 1} is {size:N0} bytes large; a row can have 2 GB at most.");
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = ArrayPool<byte>.Shared.Rent((int)size);
    }
}
