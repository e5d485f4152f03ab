// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Lifeboat.Nbd;

/// <summary>Gathers what the server says about the export, and refuses what cannot be.</summary>
internal sealed class ServerFacts
{
    private long? _size;
    private TransmissionFlags _flags;
    private uint _minBlock = 1;
    private uint _preferredBlock = 4096;
    private uint _maxBlock = NbdLimits.PayloadBytesMax;

    public void Learn(ReadOnlySpan<byte> info)
    {
        if (info.Length < 2)
            throw NbdException.Violation("an information reply without a type");
        var type = (InfoType)BinaryPrimitives.ReadUInt16BigEndian(info);
        if (type == InfoType.Export)
            LearnExport(info[2..]);
        else if (type == InfoType.BlockSize)
            LearnBlockSize(info[2..]);
    }

    public void LearnExport(ReadOnlySpan<byte> body)
    {
        if (body.Length != 10)
            throw NbdException.Violation("export information of a wrong length");
        var size = BinaryPrimitives.ReadUInt64BigEndian(body);
        if (size > long.MaxValue)
            throw NbdException.Violation($"an export of {size} bytes");
        _size = (long)size;
        _flags = (TransmissionFlags)BinaryPrimitives.ReadUInt16BigEndian(body[8..]);
        if (!_flags.HasFlag(TransmissionFlags.HasFlags))
            _flags = TransmissionFlags.None;
    }

    public Agreed Agree(string name, bool structured, IReadOnlyList<MetaContext> contexts)
    {
        if (_size is not { } size)
            throw NbdException.Violation("the server did not say how large the export is");
        var info = new NbdExportInfo
        {
            Name = name,
            Size = size,
            ReadOnly = Has(TransmissionFlags.ReadOnly),
            MinBlock = (int)_minBlock,
            PreferredBlock = (int)_preferredBlock,
            MaxBlock = (int)_maxBlock,
            CanFlush = Has(TransmissionFlags.SendFlush),
            CanFua = Has(TransmissionFlags.SendFua),
            CanTrim = Has(TransmissionFlags.SendTrim),
            CanZero = Has(TransmissionFlags.SendWriteZeroes),
            CanFastZero = Has(TransmissionFlags.SendFastZero),
            CanCache = Has(TransmissionFlags.SendCache),
            CanMultiConn = Has(TransmissionFlags.CanMultiConn),
            MetaContexts = [.. contexts.Select(c => c.Name)],
        };
        return new Agreed(info, structured, contexts);
    }

    private bool Has(TransmissionFlags flag) => _flags.HasFlag(flag);

    private void LearnBlockSize(ReadOnlySpan<byte> body)
    {
        if (body.Length != 12)
            throw NbdException.Violation("block size information of a wrong length");
        _minBlock = BinaryPrimitives.ReadUInt32BigEndian(body);
        _preferredBlock = BinaryPrimitives.ReadUInt32BigEndian(body[4..]);
        var max = BinaryPrimitives.ReadUInt32BigEndian(body[8..]);
        if (_minBlock is < 1 or > 65536 || !uint.IsPow2(_minBlock))
            throw NbdException.Violation($"a minimum block of {_minBlock} bytes");
        if (_preferredBlock < _minBlock || _preferredBlock > NbdLimits.PayloadBytesMax || !uint.IsPow2(_preferredBlock))
            throw NbdException.Violation($"a preferred block of {_preferredBlock} bytes");
        if (max < _minBlock || (max % _minBlock != 0 && max != uint.MaxValue))
            throw NbdException.Violation($"a maximum block of {max} bytes");
        _maxBlock = Math.Min(max, NbdLimits.PayloadBytesMax);
    }
}
