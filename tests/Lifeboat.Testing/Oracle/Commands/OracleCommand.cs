// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

/// <summary>
/// The test kit for scripts and for processes of their own: the host program passes its arguments through. Data goes to
/// <c>output</c>, talk to <c>talk</c>. Exit codes: 0 done or proved, 1 not proved, 2 wrong arguments, 3 not possible.
/// </summary>
public static partial class OracleCommand
{
    public const int Done = 0;
    public const int NotProved = 1;
    public const int WrongArguments = 2;
    public const int CouldNot = 3;

    private const string Usage = """
        oracle build DIR                         build the guest's kernel and initrd
        oracle disk PATH --size MIB --fs ext4|xfs|raw
        oracle boot --dir DIR --guest-files DIR --disk PATH... [--witness SOCKET] [--scsi] [--stay] [--memory MIB]
                    [--load N] [--load-kind rand|seq|db|mix] [--pause USEC] [--record BYTES] [--slots N] [--host NAME]
                    [--qemu ARGUMENT]...         run a guest in the foreground; sockets are qmp.sock, qga.sock in DIR
        oracle witness --log FILE --listen GUEST=SOCKET...
        oracle check --disk PATH[:ext4|:xfs|:raw]... [--witness FILE --guest NAME] [--lost-max N] [--cut-at USEC]
                     [--nothing-after USEC] [--other-run RUN]... [--must-end-with-mark] [--work DIR] [--json]
        oracle stall --witness FILE --guest NAME --from USEC --to USEC
        Times are microseconds since 1970, as in the witness's log.
        """;

    public static async Task<int> RunAsync(
        IReadOnlyList<string> arguments, TextWriter output, TextWriter talk, CancellationToken ct)
    {
        try
        {
            if (arguments.Count == 0) throw new OracleException(OracleFault.BadArguments, Usage);
            var words = new CommandWords(arguments.Skip(1));
            return arguments[0] switch
            {
                "build" => await BuildAsync(words, output, ct),
                "disk" => await DiskAsync(words, ct),
                "boot" => await BootAsync(words, talk, ct),
                "witness" => await WitnessAsync(words, talk, ct),
                "check" => await CheckAsync(words, output, ct),
                "stall" => await StallAsync(words, output, ct),
                var other => throw new OracleException(OracleFault.BadArguments, $"no command {other}\n{Usage}"),
            };
        }
        catch (OracleException e)
        {
            await talk.WriteLineAsync($"oracle: {e.Message}");
            return e.Fault == OracleFault.BadArguments ? WrongArguments : CouldNot;
        }
    }
}
