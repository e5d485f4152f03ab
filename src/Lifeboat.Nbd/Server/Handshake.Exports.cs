// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Lifeboat.Nbd;

// Choosing and listing exports.
internal sealed partial class Handshake
{
    private Session ChooseByExportName(byte[] data)
    {
        // This option has no error reply: closing is the only refusal there is.
        if (MustUpgrade)
            throw new NbdException(NbdFault.Rejected, "EXPORT_NAME before TLS");
        if (data.Length > NbdLimits.NameBytesMax || !Utf8.IsValid(data))
            throw NbdException.Violation("EXPORT_NAME with a bad name");
        var name = Encoding.UTF8.GetString(data);
        var export = server.Attach(connection, name)
            ?? throw new NbdException(NbdFault.Rejected, $"no export '{name}'");

        Span<byte> answer = stackalloc byte[8 + 2 + 124];
        answer.Clear();
        BinaryPrimitives.WriteInt64BigEndian(answer, export.Info.Size);
        BinaryPrimitives.WriteUInt16BigEndian(answer[8..], (ushort)Session.FlagsOf(export.Info, _structured));
        Channel.Send(_clientFlags.HasFlag(HandshakeFlags.NoZeroes) ? answer[..10] : answer);
        return SessionOn(export, name);
    }

    private Session? Go(byte[] data)
    {
        if (ParseInfoRequest(OptionType.Go, data) is not { } request)
            return null;
        if (server.Attach(connection, request.Name) is not { } export)
        {
            Reply(OptionType.Go, OptionReply.ErrUnknown, "no such export");
            return null;
        }
        SendInfo(OptionType.Go, request, export.Info);
        return SessionOn(export, request.Name);
    }

    private void Describe(OptionType option, byte[] data)
    {
        if (ParseInfoRequest(option, data) is not { } request)
            return;
        if (server.Find(request.Name) is { } export)
            SendInfo(option, request, export.Info);
        else
            Reply(option, OptionReply.ErrUnknown, "no such export");
    }

    // Contexts are bound to the export they were chosen for.
    private Session SessionOn(INbdExport export, string name) =>
        new(export, _structured, _contextsFor == name ? _contexts : []);

    private InfoRequest? ParseInfoRequest(OptionType option, byte[] data)
    {
        var reader = new OptionReader(data);
        if (reader.TryReadString(NbdLimits.NameBytesMax, out var name) && reader.TryReadUInt16(out var count)
            && reader.Left == count * 2)
        {
            var wanted = new List<InfoType>();
            while (reader.TryReadUInt16(out var info))
                wanted.Add((InfoType)info);
            return new InfoRequest(name, wanted);
        }
        Reply(option, OptionReply.ErrInvalid, "lengths in the option do not add up");
        return null;
    }

    private void SendInfo(OptionType option, InfoRequest request, NbdExportInfo info)
    {
        Span<byte> data = stackalloc byte[14];
        BinaryPrimitives.WriteUInt16BigEndian(data, (ushort)InfoType.Export);
        BinaryPrimitives.WriteInt64BigEndian(data[2..], info.Size);
        BinaryPrimitives.WriteUInt16BigEndian(data[10..], (ushort)Session.FlagsOf(info, _structured));
        _replies.Add(option, OptionReply.Info, data[..12]);

        BinaryPrimitives.WriteUInt16BigEndian(data, (ushort)InfoType.BlockSize);
        BinaryPrimitives.WriteInt32BigEndian(data[2..], info.MinBlock);
        BinaryPrimitives.WriteInt32BigEndian(data[6..], info.PreferredBlock);
        BinaryPrimitives.WriteInt32BigEndian(data[10..], Math.Min(info.MaxBlock, options.PayloadBytesMax));
        _replies.Add(option, OptionReply.Info, data);

        if (request.Wanted.Contains(InfoType.Name))
            AddInfoText(option, InfoType.Name, info.Name);
        if (request.Wanted.Contains(InfoType.Description) && info.Description.Length > 0)
            AddInfoText(option, InfoType.Description, info.Description);
        _replies.AddText(option, OptionReply.Ack, "");
        _replies.SendTo(Channel);
    }

    private void AddInfoText(OptionType option, InfoType type, string text)
    {
        var data = new byte[2 + Encoding.UTF8.GetByteCount(text)];
        BinaryPrimitives.WriteUInt16BigEndian(data, (ushort)type);
        Encoding.UTF8.GetBytes(text, data.AsSpan(2));
        _replies.Add(option, OptionReply.Info, data);
    }

    private void List(byte[] data)
    {
        if (data.Length != 0)
        {
            Reply(OptionType.List, OptionReply.ErrInvalid, "LIST has no data");
            return;
        }
        foreach (var info in server.List())
        {
            var nameBytes = Encoding.UTF8.GetByteCount(info.Name);
            var entry = new byte[4 + nameBytes + Encoding.UTF8.GetByteCount(info.Description)];
            BinaryPrimitives.WriteInt32BigEndian(entry, nameBytes);
            Encoding.UTF8.GetBytes(info.Name, entry.AsSpan(4));
            Encoding.UTF8.GetBytes(info.Description, entry.AsSpan(4 + nameBytes));
            _replies.Add(OptionType.List, OptionReply.Server, entry);
        }
        Reply(OptionType.List, OptionReply.Ack);
    }

    private sealed record InfoRequest(string Name, List<InfoType> Wanted);
}
