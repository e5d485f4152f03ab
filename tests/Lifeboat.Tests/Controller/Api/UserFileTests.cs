// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Cli;
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Tests.Controller.Api;

/// <summary>A file that a command names and that is not as it must be, whichever command it is.</summary>
public sealed class UserFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lb-files").FullName;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("apply --file {0}")]
    [InlineData("usage prices --file {0}")]
    [InlineData("user create anna --password-file {0}")]
    [InlineData("user password anna --password-file {0}")]
    [InlineData("user password anna --present-password-file {0}")]
    [InlineData("alert target add pager --webhook https://pager.example/ --secret-file {0}")]
    [InlineData("group quiesce-rule shop db1 --from {0}")]
    [InlineData("instance start {0}")]
    [InlineData("db restore {0}")]
    [InlineData("db backup {0}")]
    [InlineData("doctor --bundle {0}")]
    public async Task A_file_that_is_not_there_is_an_invalid_request_and_nothing_is_asked_of_the_site(string line)
    {
        // There is no site either: whoever asked it first would end with another reason.
        var missing = Path.Combine(_folder, "no-folder", "missing");
        var command = string.Format(null, line, missing).Split(' ');
        var ended = await CommandTree.Build().Parse(["-d", Path.Combine(_folder, "site"), .. command])
            .InvokeAsync(cancellationToken: Ct);
        Assert.Equal((int)ReasonCode.InvalidRequest, ended);
    }

    [Fact]
    public async Task The_refusal_says_which_option_which_path_what_is_wrong_and_what_to_do()
    {
        var file = Path.Combine(_folder, "prices.yaml");
        await SaysAsync(file, $"--file: {file} cannot be read: there is no such file");
        await SaysAsync(Path.Combine(file, "x"), $"there is no folder {file}");
        await SaysAsync(_folder, $"--file: {_folder} cannot be read: it is a folder");
        await SaysAsync("", "--file: '' cannot be read: it has no name");
        var refused = Assert.Throws<ProblemException>(() => UserFile.MustBeWritable("--html", _folder));
        Assert.Contains("--html", refused.Message, StringComparison.Ordinal);
        var made = Path.Combine(_folder, "report.html");
        UserFile.MustBeWritable("--html", made);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder));
        await File.WriteAllTextAsync(file, "currency: EUR", Ct);
        Assert.Equal("currency: EUR", await UserFile.ReadAsync("--file", file, stdin: true, Ct));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task SaysAsync(string path, string what)
    {
        var refused = await Assert.ThrowsAsync<ProblemException>(
            () => UserFile.ReadAsync("--file", path, stdin: true, Ct));
        Assert.Equal(ReasonCode.InvalidRequest, refused.Reason);
        Assert.Contains(what, refused.Message, StringComparison.Ordinal);
        Assert.Contains("standard input", refused.Detail!, StringComparison.Ordinal);
    }
}
