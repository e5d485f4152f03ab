// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

// What a request must satisfy before the export sees it:
//   the command is one we advertised; it carries only flags that are valid for it and advertised;
//   offset and length lie within the export and on its block boundaries; a read fits our buffers.
internal static class RequestRules
{
    public static NbdError Check(in Request request, NbdExportInfo info, Session session, int payloadMax)
    {
        if (!Knows(request.Command, info, session))
            return NbdError.Invalid;
        if (info.ReadOnly && request.Command is Command.Write or Command.Trim or Command.WriteZeroes)
            return NbdError.NotPermitted;
        if ((request.Flags & ~FlagsFor(request.Command, info, session)) != 0)
            return NbdError.Invalid;
        if (request.Command == Command.Flush)
            return request.Offset == 0 && request.Length == 0 ? NbdError.None : NbdError.Invalid;
        return CheckRange(request, info, payloadMax);
    }

    private static bool Knows(Command command, NbdExportInfo info, Session session) => command switch
    {
        Command.Read => true,
        Command.Write => true,
        Command.Flush => info.CanFlush,
        Command.Trim => info.CanTrim,
        Command.Cache => info.CanCache,
        Command.WriteZeroes => info.CanZero,
        Command.BlockStatus => session.Contexts.Count > 0,
        _ => false,
    };

    private static CommandFlags FlagsFor(Command command, NbdExportInfo info, Session session)
    {
        // The protocol lets a client put FUA on any command once it is advertised.
        var fua = info.CanFua ? CommandFlags.Fua : 0;
        return fua | command switch
        {
            Command.Read when session.Structured => CommandFlags.DontFragment,
            Command.WriteZeroes when info.CanFastZero => CommandFlags.NoHole | CommandFlags.FastZero,
            Command.WriteZeroes => CommandFlags.NoHole,
            Command.BlockStatus => CommandFlags.RequestOne,
            _ => CommandFlags.None,
        };
    }

    private static NbdError CheckRange(in Request request, NbdExportInfo info, int payloadMax)
    {
        var size = (ulong)info.Size;
        if (request.Length == 0)
            return NbdError.Invalid;
        if (request.Offset > size || request.Length > size - request.Offset)
            return request.Command is Command.Write or Command.WriteZeroes ? NbdError.NoSpace : NbdError.Invalid;
        var mask = (ulong)info.MinBlock - 1;
        if (((request.Offset | request.Length) & mask) != 0)
            return NbdError.Invalid;
        var limit = Math.Min(info.MaxBlock, payloadMax);
        var hasPayload = request.Command is Command.Read or Command.Write;
        return hasPayload && request.Length > limit ? NbdError.Invalid : NbdError.None;
    }
}
