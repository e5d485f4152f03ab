// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Testing.Oracle;
using Xunit;

namespace Lifeboat.Tests.Oracle;

public sealed class OracleCommandTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("ocmd-").FullName;
    private readonly StringWriter _output = new();
    private readonly StringWriter _talk = new();

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData("")]
    [InlineData("fly")]
    [InlineData("check")]
    [InlineData("check --disk")]
    [InlineData("check --disk a --colour blue")]
    [InlineData("check --disk a.img:ntfs")]
    [InlineData("check --disk a --lost-max many")]
    [InlineData("check stray --disk a")]
    [InlineData("witness --log /tmp/x --log /tmp/y")]
    [InlineData("stall --witness w --guest g --from 1")]
    public async Task Wrong_arguments_are_named(string line)
    {
        var code = await RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(OracleCommand.WrongArguments, code);
        Assert.NotEqual("", _talk.ToString());
    }

    [Fact]
    public async Task Check_says_what_it_found_and_ends_accordingly()
    {
        var forge = new OracleForge(3, 1000).Append(100);
        Assert.Equal(OracleCommand.Done, await CheckAsync(forge, "--json"));
        using var proof = JsonDocument.Parse(_output.ToString());
        Assert.True(proof.RootElement.GetProperty("holds").GetBoolean());
        Assert.Equal(100, proof.RootElement.GetProperty("newest").GetInt64());

        Assert.Equal(OracleCommand.NotProved, await CheckAsync(forge.Lose(40)));
        Assert.Contains("FAIL OneCut", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Losses_are_read_from_the_witness_log()
    {
        var log = Path.Combine(_directory, "log");
        using (var writer = new WitnessLogWriter(log))
        {
            var at = DateTimeOffset.UnixEpoch.AddYears(50);
            writer.Append(at, "g", "boot 1122334455667788 0000000000000001 1 0 3 5");
            for (var n = 1; n <= 103; n++) writer.Append(at.AddMilliseconds(n), "g", $"ack 0000000000000001 1 {n} {n}");
        }
        var forge = new OracleForge(3, 1000).Append(100);
        string[] heard = ["--witness", log, "--guest", "g", "--lost-max"];
        Assert.Equal(OracleCommand.Done, await CheckAsync(forge, [.. heard, "3"]));
        Assert.Equal(OracleCommand.NotProved, await CheckAsync(forge, [.. heard, "2"]));
    }

    private async Task<int> CheckAsync(OracleForge forge, params string[] more)
    {
        var images = await forge.WriteAsync(_directory, default);
        return await RunAsync(["check", .. images.SelectMany(i => new[] { "--disk", $"{i.Path}:raw" }), .. more]);
    }

    private Task<int> RunAsync(IReadOnlyList<string> arguments) =>
        OracleCommand.RunAsync(arguments, _output, _talk, default);
}
