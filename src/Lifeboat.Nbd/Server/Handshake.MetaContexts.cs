// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Text;

namespace Lifeboat.Nbd;

internal sealed partial class Handshake
{
    private void AnswerMetaContext(OptionType option, byte[] data)
    {
        var setting = option == OptionType.SetMetaContext;
        if (setting)
            (_contextsFor, _contexts) = (null, []);   // whatever comes of it, the earlier choice is over
        if (setting && !_structured)
        {
            Reply(option, OptionReply.ErrInvalid, "structured replies come first");
            return;
        }
        if (!TryParseQueries(data, out var name, out var queries))
        {
            Reply(option, OptionReply.ErrInvalid, "lengths in the option do not add up, or too many queries");
            return;
        }
        if (server.Find(name) is not { } export)
        {
            Reply(option, OptionReply.ErrUnknown, "no such export");
            return;
        }
        var chosen = Choose(export, queries, listing: !setting);
        if (setting)
            (_contextsFor, _contexts) = (name, chosen);
        foreach (var context in chosen)
            AddContext(option, context);
        Reply(option, OptionReply.Ack);
    }

    private static bool TryParseQueries(byte[] data, out string name, out List<string> queries)
    {
        queries = [];
        var reader = new OptionReader(data);
        if (!reader.TryReadString(NbdLimits.NameBytesMax, out name) || !reader.TryReadUInt32(out var count)
            || count > NbdLimits.MetaQueriesMax)
            return false;
        for (; count > 0; count--)
        {
            if (!reader.TryReadString(NbdLimits.NameBytesMax, out var query))
                return false;
            queries.Add(query);
        }
        return reader.Left == 0;
    }

    private static List<MetaContext> Choose(INbdExport export, List<string> queries, bool listing)
    {
        var offered = export.Info.MetaContexts;
        var names = listing && queries.Count == 0
            ? offered
            : queries.SelectMany(q => MetaContexts.Matching(q, offered, listing).Concat(
                export.Offers(q) ? [q] : Array.Empty<string>())).Distinct();
        return [.. names.Take(NbdLimits.MetaContextsMax).Select((n, i) => new MetaContext((uint)i + 1, n))];
    }

    private void AddContext(OptionType option, MetaContext context)
    {
        var data = new byte[4 + Encoding.UTF8.GetByteCount(context.Name)];
        // A listing answers with id 0: ids exist only once a context is set.
        BinaryPrimitives.WriteUInt32BigEndian(data, option == OptionType.SetMetaContext ? context.Id : 0);
        Encoding.UTF8.GetBytes(context.Name, data.AsSpan(4));
        _replies.Add(option, OptionReply.MetaContext, data);
    }
}
