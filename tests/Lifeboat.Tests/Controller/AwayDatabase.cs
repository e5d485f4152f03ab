// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Lifeboat.Contracts;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;

namespace Lifeboat.Tests.Controller;

/// <summary>A database whose server is away, as PostgreSQL's is told to be.</summary>
internal sealed class AwayDatabase : ControllerDatabase
{
    public override string Engine => "away";
    public override string Place => "nowhere";
    public override bool IsShared => true;
    public override string Now => throw Away();

    public override DbConnection Open() => throw Away();
    public override Task<IDisposable?> LockAsync(string name, CancellationToken ct) => throw Away();
    public override bool TryLock(string name, out IDisposable? held) => throw Away();
    public override void Fence(DbConnection connection, DbTransaction transaction, string name) => throw Away();
    public override bool IsDuplicate(DbException e) => false;
    public override DbTransaction BeginReading(DbConnection connection) => throw Away();
    public override DbTransaction BeginSchemaChange(DbConnection connection) => throw Away();
    public override long SchemaVersion(DbConnection connection, DbTransaction? transaction) => throw Away();
    public override void SetSchemaVersion(DbConnection connection, DbTransaction transaction, long version) =>
        throw Away();
    public override string TextOf(SchemaStep step) => throw Away();
    public override IReadOnlyList<string> Tables(DbConnection connection, DbTransaction? transaction) => throw Away();
    public override IReadOnlyList<string> Columns(DbConnection connection, DbTransaction? transaction, string table) =>
        throw Away();
    public override void ResumeNumbers(DbConnection connection, DbTransaction transaction) => throw Away();
    public override IReadOnlyList<string> IntegrityFaults(DbConnection connection) => throw Away();
    public override void Dispose() { }

    private static ProblemException Away() => new(ReasonCode.DatabaseUnavailable, "the database does not answer");
}
